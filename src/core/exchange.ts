import type { Access } from './decision.ts';
import type { JsonValue } from './json.ts';
import type { Offered } from './manifest.ts';
import type { PeerCertificate } from './peer-certificate.ts';
import type { Refusal } from './refusal.ts';

/** The columns of the pipeline's table. */
export const PROTOCOLS = ['mcp', 'llm', 'postgres', 'authzen'] as const;
export type ProtocolName = (typeof PROTOCOLS)[number];

/** What arrived with a request and is known before anything of it is trusted. */
export type Presented = {
  /** Peer address; the source prefix of rate limits and flood receipts comes from it. */
  address: string;
  /** `Host` and `Origin` as they arrived. */
  host: string | undefined;
  origin: string | undefined;
  /** `Authorization` as it arrived, and every `DPoP` header (more than one is refused). */
  authorization: string | undefined;
  proofs: readonly string[];
  /** From the socket, where the caller came over mutual TLS with a certificate; the same object for a connection's whole life. */
  peer_certificate?: PeerCertificate | undefined;
  /** Method and path as routed; `htu` is built from the configured public address and this path. */
  method: string;
  path: string;
  /** Bytes announced by the request, to refuse before reading. */
  bytes_announced: number;
};

/**
 * What a protocol understood of one request. `effect` says what a caller may rely on: the final frame of a `write` waits
 * until its outcome is durable. A `discover` exchange asks what there is; its answer is filtered, not decided.
 */
export type Intent = {
  effect: 'read' | 'write' | 'discover';
  /** The protocol's own name for it: `tools/call`. */
  operation: string;
  /** At least one. All must be permitted. */
  accesses: readonly Access[];
  /** SHA-256 of the bytes as received, hex, and their count. */
  received_digest: string;
  received_bytes: number;
  /** Exactly the bytes that go upstream; `undefined` where the gateway answers by itself (lists). */
  sent: Uint8Array | undefined;
  /** Opaque id of the upstream as configured, where there is one. */
  upstream: string | undefined;
  /** What the request rests on, as the upstream offers it; needed wherever something goes to an MCP server. */
  offered?: Offered | undefined;
  /**
   * What is wrong with the request beside policy: arguments that do not fit a schema, a path that leaves its folder. It
   * refuses after the decision, so that what may not be seen does not tell of its schema.
   */
  defect?: Refusal | undefined;
  /** What a person is shown, kept as sealed payload: names, arguments. Never on the wire or in a receipt. */
  payload: JsonValue;
};

/** Where an exchange goes: a server, and the tool of it that is called (`server/name`), each of which may be stopped. */
export type Destination = { upstream: string; tool?: string | undefined };

/** A part of an exchange between its intent and its final answer: progress, a log line, a child's request. */
export type Frame = { name: string; value: JsonValue; bytes: number };

export type OutcomeKind = 'completed' | 'failed' | 'withheld' | 'cut' | 'cancelled' | 'unknown';

/** What came back, as the caller gets it. */
export type Answer = {
  outcome: OutcomeKind;
  value: JsonValue;
  /** The final answer as it is sent, where the protocol has written it already; the receipt names its digest. */
  released?: string | undefined;
  received_bytes: number;
  /** Frames that passed before it. */
  frames: number;
  /** For the operator, where the outcome is not `completed`. */
  cause?: string | undefined;
};
