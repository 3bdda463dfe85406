import type { Cancellation } from '../../core/cancellation.ts';
import type { JsonObject, JsonValue } from '../../core/json.ts';
import type { ServerCatalog, ServerManifest } from '../../core/manifest.ts';
import type { Run } from '../../core/principal.ts';
import type { Refusal } from '../../core/refusal.ts';
import type { Secret } from '../../core/secret.ts';
import type { OnBehalf } from '../../core/upstream-credential.ts';

/**
 * What the agent's side of MCP knows of the servers behind the gateway. An upstream is hostile until shown otherwise: its
 * answers are bounded in bytes, pages, frames and time, parsed canonically, and whatever nobody asked for is dropped.
 */
export const ERAS = ['2026-07-28', '2025-11-25'] as const;
/** `2026-07-28` is stateless; `2025-11-25` has sessions, and requests from the server. */
export type Era = (typeof ERAS)[number];

/** One upstream as the operator's file has it. Addresses and commands never come from anywhere else. */
export type UpstreamSettings = {
  /** Opaque id; the server's name in policy and in prefixes. */
  server: string;
  transport:
    | {
        kind: 'http';
        url: string;
        /** Sent with every request: a credential of the gateway's own, never the agent's. */
        headers?: Readonly<Record<string, string | Secret>>;
        /** PEM certificates to trust in the place of the system's. */
        ca?: string | undefined;
        /** The operator states that only this gateway can reach the address. Without it the upstream is `bypassable`. */
        gateway_only: boolean;
      }
    | {
        kind: 'stdio';
        command: readonly string[];
        env: Readonly<Record<string, string | Secret>>;
        cwd?: string;
        /** The operator states that agents cannot start the same program, or not with the same means. */
        gateway_only?: boolean;
      };
  /** One session or child process for all runs. Its server then sees many runs as one client. */
  shared: boolean;
  /** Speak only this era, without asking which the server knows. */
  era?: Era;
  limits?: Partial<UpstreamLimits>;
};

/** Every bound on what an upstream may do to the gateway. The defaults stand in `upstream/limits.ts`. */
export type UpstreamLimits = {
  /** From connecting or launching to a session that can be used. */
  open_ms_max: number;
  /** From sending a request to its answer, not counting the time that the agent takes to answer a request in between. */
  answer_ms_max: number;
  /** One message of the upstream's. Answers are asked for uncompressed and refused otherwise. */
  answer_bytes_max: number;
  /** Notifications of one exchange in a second; more are dropped, and counted. */
  frames_per_second_max: number;
  /** Notifications and requests of one exchange before its answer, except for `subscriptions/listen`. */
  frames_max: number;
  /** Notifications of one exchange that wait until the agent takes them, in bytes; more are dropped, and counted. */
  waiting_bytes_max: number;
  /** A catalog: pages of one list, items of one list, bytes of all lists. */
  pages_max: number;
  items_max: number;
  catalog_bytes_max: number;
  /** Sessions or children of one server at one time. */
  sessions_max: number;
  /** A session that nobody uses is closed after this time. */
  session_idle_ms_max: number;
  /** Requests in flight in one session. */
  requests_max: number;
};

/** The client as the server is to see it. In the 2026 era each request carries it in `_meta` instead. */
export type ClientFacts = {
  capabilities: JsonObject;
  clientInfo: JsonObject;
};

export type OpenOptions = {
  /** Tried first where the server is known or found to speak both. */
  prefer?: Era;
  client?: ClientFacts;
  /**
   * Keeps sessions of one run apart: the id of the agent's own MCP session. The same server, run, era and scope give the
   * same session. Ignored where the upstream is `shared`, and a shared session of 2025 declares no client capabilities:
   * a request of its server's would have no owner.
   */
  scope?: string;
};

/** A catalog with the manifest that it makes. */
export type ReadCatalog = ServerCatalog & {
  manifest: ServerManifest;
  serverInfo: JsonObject;
  instructions: string | undefined;
};

export type UpstreamStatus = {
  server: string;
  /** `idle`: nothing is open and the last attempt, if any, went well. `waiting`: backing off after a failure. */
  state: 'idle' | 'ready' | 'waiting';
  /** Eras that the server was found to speak; empty until it was asked. */
  eras: readonly Era[];
  sessions: number;
  restarts: number;
  /** Frames without an owner: unknown or repeated ids, answers to cancelled requests, lines that are not messages. */
  dropped: number;
  last_error: string | undefined;
  exposure: 'enclosed' | 'bypassable';
  /** One sentence: why, and how to enclose it. */
  exposure_note: string;
};

export interface Upstreams {
  /** In a fixed order; the same array until another configuration. */
  list(): readonly string[];
  /** Unique in this process: ids for requests to any upstream, so that none is used twice in one session. */
  nextId(): number;
  /**
   * What the server offers, read once through its pages, again after it says that it changed, and again before it is older
   * than `list_age_ms_max`. Resolves with what was read after the last that was heard of it.
   */
  catalog(server: string): Promise<ReadCatalog | Refusal>;
  /** What is known of the server here may be old: it is read again before anything relies on it. */
  suspect(server: string): void;
  /** Whether the catalog that was read last may still be relied on, without asking anyone. */
  isFresh(server: string): boolean;
  /** The catalogs read so far, without asking anyone. */
  catalogs(): readonly ReadCatalog[];
  onCatalogChange(changed: (catalog: ReadCatalog) => void): () => void;
  status(): readonly UpstreamStatus[];
  /** Synchronous where the session stands already. */
  open(server: string, run: Run, options?: OpenOptions): UpstreamSession | Refusal | Promise<UpstreamSession | Refusal>;
  /** The stop list changed: whatever is stopped now loses its sessions and children, also those with nothing in flight. */
  review(): void;
  /** What servers are shown changed: a child that was given something else ends. */
  reviewCredentials(): void;
  /** The operator's file changed: servers come, go, or are opened anew; those that did not change go on undisturbed. */
  configure(settings: readonly UpstreamSettings[]): Promise<void>;
  close(): Promise<void>;
}

export interface UpstreamSession {
  readonly server: string;
  readonly era: Era;
  readonly serverInfo: JsonObject;
  readonly capabilities: JsonObject;
  readonly instructions: string | undefined;
  /** Ends with the final answer, or with a refusal once nothing more can come. Never rejects. */
  send(request: UpstreamRequest, io: ExchangeIo): Promise<UpstreamReply | Refusal>;
  /** `undefined` once it has left. */
  notify(notification: UpstreamNotification): Promise<Refusal | undefined>;
  /** Notifications that belong to no request: list changes, updated resources (2025). Several may listen. */
  listen(heard: (method: string, params: JsonObject) => void): () => void;
  /** Runs once, when the session ends for whatever reason: open another. */
  onClose(ended: (why: string) => void): void;
  readonly closed: boolean;
  close(): void;
}

/** `bytes` go upstream exactly so; the rest repeats what they say, for routing and for headers. */
export type UpstreamRequest = {
  bytes: Uint8Array;
  /** The `id` in `bytes`, from `nextId`. A progress token in `bytes` must be this number too. */
  id: number;
  method: string;
  params: JsonObject;
  /** `Mcp-Param-*` headers as the agent sent them, checked against the body; unknown ones are passed on. */
  headers?: Readonly<Record<string, string>>;
};

export type UpstreamNotification = { bytes: Uint8Array; method: string; params: JsonObject };

/** Where frames of one exchange go. All callbacks stop when the reply is there. */
export interface ExchangeIo {
  /** Cancels upstream, as the era and the transport say, and ends `send` with a refusal. */
  readonly cancellation: Cancellation;
  /** Whose credential the server is shown. Without it the gateway's own. */
  readonly on?: OnBehalf;
  /**
   * The next comes when a returned promise is settled. Until then reading pauses over HTTP; over stdio, where all calls
   * share one channel, what exceeds `waiting_bytes_max` is dropped.
   */
  onNotification(method: string, params: JsonObject): void | Promise<void>;
  /** A request from upstream that belongs to this exchange (2025 only). Its answer is written back. */
  onRequest(method: string, params: JsonObject): Promise<RpcOutcome>;
  /** The server closed the stream without the answer and asked to come back (2025, SSE `retry`); `send` does so. */
  onPause?(retry_ms: number): void;
}

export type RpcError = { code: number; message: string; data?: JsonValue };
export type RpcOutcome = { kind: 'result'; result: JsonObject } | { kind: 'error'; error: RpcError };

/** `http`: the status it came with, where it came over HTTP. */
export type UpstreamReply = RpcOutcome & { bytes: number; http?: number };
