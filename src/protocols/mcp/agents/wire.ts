import type { JsonObject } from '../../../core/json.ts';
import { type Refusal, refuse } from '../../../core/refusal.ts';

/** The words of the wire, each as the specification spells it. */

/** The stateless revision: every request says by itself what it needs. */
export const MODERN = '2026-07-28';
/** Revisions with sessions, newest first. They differ in nothing that the gateway reads. */
export const SESSION_VERSIONS: readonly string[] = ['2025-11-25', '2025-06-18', '2025-03-26'];

export const META = {
  version: 'io.modelcontextprotocol/protocolVersion',
  capabilities: 'io.modelcontextprotocol/clientCapabilities',
  client: 'io.modelcontextprotocol/clientInfo',
  level: 'io.modelcontextprotocol/logLevel',
  server: 'io.modelcontextprotocol/serverInfo',
  subscription: 'io.modelcontextprotocol/subscriptionId',
  /** The receipt of the exchange, on every result and error of the gateway's. */
  receipt: 'dev.sallyport/receipt',
  /** The code of a refusal that is told as a tool's result. */
  code: 'dev.sallyport/code',
} as const;

export type RpcId = string | number;

export const RPC = {
  parse_error: -32700,
  invalid_request: -32600,
  method_not_found: -32601,
  invalid_params: -32602,
  /** 2025 only; 2026-07-28 says `invalid_params` (SEP-2164). */
  resource_not_found: -32002,
  header_mismatch: -32020,
  missing_capability: -32021,
  unsupported_version: -32022,
} as const;

/** How one refusal is said in JSON-RPC, where its code alone does not tell. */
export type RpcForm = {
  code: number;
  data?: JsonObject;
  /** HTTP status, where the specification names one that differs from the refusal's. */
  status?: number;
};

const forms = new WeakMap<Refusal, RpcForm>();

/** A refusal that JSON-RPC has an error code of its own for. */
export function refuseAs(form: RpcForm, ...args: Parameters<typeof refuse>): Refusal {
  const refusal = refuse(...args);
  forms.set(refusal, form);
  return refusal;
}

export function formOf(refusal: Refusal): RpcForm | undefined {
  return forms.get(refusal);
}

/** `-32602`: what the specification answers to parameters that lack something or are of the wrong kind. */
export function badParams(reason: string): Refusal {
  return refuseAs({ code: RPC.invalid_params }, 'request_malformed', reason);
}
