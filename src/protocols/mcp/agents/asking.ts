import type { Cancellation } from '../../../core/cancellation.ts';
import type { Clock, Random } from '../../../core/clock.ts';
import type { Intent } from '../../../core/exchange.ts';
import { isJsonObject, type JsonObject, type JsonValue } from '../../../core/json.ts';
import type { Caller, Run } from '../../../core/principal.ts';
import type { Refusal } from '../../../core/refusal.ts';
import type { ForwardIo } from '../../../enforcement/index.ts';
import type { RpcOutcome, Upstreams } from '../upstream.ts';
import type { Catalogs } from './catalogs.ts';
import type { Fields } from './headers.ts';
import type { Meaning } from './meanings.ts';
import type { Naming } from './names.ts';
import type { Reply } from './reply.ts';
import type { Schemas } from './schemas.ts';
import type { Seal } from './seal.ts';
import type { Session, Sessions } from './sessions.ts';
import type { RpcId } from './wire.ts';

/** What this side of MCP reads of the configuration, at each use: a reload takes effect with the next request. */
export type McpSettings = {
  limits: { body_bytes_max: number; sessions_per_agent_max: number; exchange_ms_max: number };
  upstreams: Readonly<Record<string, { tools: Readonly<Record<string, ToolSettings>> }>>;
};

/** What the operator states of a tool. A server's own word on it is a claim, and counts for nothing here. */
export type ToolSettings = {
  arguments: Readonly<Record<string, Meaning>>;
  /** Lists that are decided element by element. */
  each: readonly string[];
  effect: 'read' | 'write';
};

export type Parts = {
  upstreams: Upstreams;
  catalogs: Catalogs;
  schemas: Schemas;
  seal: Seal;
  sessions: Sessions;
  clock: Clock;
  random: Random;
  settings(): McpSettings;
  /** The names that agents use at one server's address, or at that of all. */
  naming(server: string | undefined): Naming;
  /** `WWW-Authenticate` values for a refusal at `path`; empty where a new credential would not help. */
  challenges(refusal: Refusal, path: string): Readonly<Record<string, readonly string[]>>;
  /** When the gateway is about to stop: streams that nobody waits on an answer of end then. */
  closing: Cancellation;
  /** Calls back after pins changed: lists then show something else. */
  onPinsChange(changed: () => void): () => void;
  /** The gateway as a server. */
  self: { name: string; version: string };
};

/** One request of an agent's, read but not yet understood. */
export type Asking = {
  parts: Parts;
  caller: Caller;
  run: Run;
  fields: Fields;
  reply: Reply;
  /** The one server of `/mcp/<server>`; undefined at `/mcp`. */
  server: string | undefined;
  naming: Naming;
  /** Whether it speaks the stateless revision. */
  modern: boolean;
  /** Where it speaks a revision with sessions, and it is not `initialize`. */
  session: Session | undefined;
  id: RpcId;
  method: string;
  params: JsonObject;
  meta: JsonObject;
  /** What the agent's client says it can do. */
  client: { capabilities: JsonObject; clientInfo: JsonObject };
  received: { digest: string; bytes: number };
};

/** What came of it: JSON-RPC's result or error, for the agent. */
export type Carried = RpcOutcome & {
  bytes: number;
  /** HTTP status of an error, where the server's own was in question. */
  http?: number | undefined;
};

/** A request understood: what is to be decided, and how it is carried out once it is. */
export type Plan = Pick<Intent, 'effect' | 'accesses' | 'sent' | 'upstream' | 'offered' | 'payload' | 'defect'> & {
  /** Receipt of the exchange that asked for input, where this is the retry. */
  continues?: string | undefined;
  carryOut(io: ForwardIo): Promise<Carried | Refusal> | Carried | Refusal;
};

export type Operation = (asking: Asking) => Plan | Refusal | Promise<Plan | Refusal>;

export function result(value: JsonObject, bytes = 0): Carried {
  return { kind: 'result', result: value, bytes };
}

export function objectOf(value: JsonValue | undefined): JsonObject {
  return isJsonObject(value) ? value : {};
}

/** The gateway answers by itself what asks for nothing of a server's. */
export function answered(
  asking: Pick<Asking, 'server' | 'method'>,
  value: (io: ForwardIo) => Promise<Carried | Refusal> | Carried | Refusal,
): Plan {
  return {
    effect: 'discover',
    accesses: [{ action: 'server.discover', resource: { type: 'Server', id: asking.server ?? '*' }, args: {} }],
    sent: undefined,
    upstream: asking.server,
    payload: { method: asking.method },
    carryOut: value,
  };
}
