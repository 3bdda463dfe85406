import type { JsonObject } from '../../../core/json.ts';
import type { Refusal, RefusalCode } from '../../../core/refusal.ts';
import { formOf, META, RPC } from './wire.ts';

/** A refusal in the protocol's own form: a tool's result that says so, or a JSON-RPC error, with the HTTP status. */
export type Told = { status: number } & ({ result: JsonObject } | { error: JsonObject });

/** What a model can act upon, told to it as a tool's result and not to its client as an error (SEP-1303). */
const TOLD_TO_THE_MODEL: ReadonlySet<RefusalCode> = new Set<RefusalCode>([
  'policy_denied',
  'policy_error',
  'argument_unmapped',
  'arguments_invalid',
  'approval_unavailable',
  'connection_missing',
  'upstream_unavailable',
  'upstream_failed',
  'upstream_timed_out',
  'upstream_request_denied',
  'answer_too_large',
]);

/** Told within a JSON-RPC error and HTTP 200: the transport worked, the request was understood, and the answer is no. */
const IN_BAND: ReadonlySet<RefusalCode> = new Set<RefusalCode>([
  ...TOLD_TO_THE_MODEL,
  'not_found',
  'state_changed',
  'log_unavailable',
  'lease_lapsed',
  'log_forked',
  'stage_failed',
  'stage_timed_out',
  'gateway_stopping',
  'exchange_timed_out',
  'caller_gone',
]);

const RPC_CODES: Partial<Record<RefusalCode, number>> = {
  request_not_canonical: RPC.parse_error,
  request_malformed: RPC.invalid_request,
  method_unknown: RPC.method_not_found,
  header_mismatch: RPC.header_mismatch,
  version_unsupported: RPC.unsupported_version,
  arguments_invalid: RPC.invalid_params,
  not_found: RPC.invalid_params,
};

/** Application codes stand outside the range that JSON-RPC reserves: -31403 for what HTTP would call 403. */
const APPLICATION = -31_000;

export type Asked = { method: string; modern: boolean };

/** @param asked undefined where no request could be read: the error then has no id to answer to. */
export function tell(refusal: Refusal, receipt: string | undefined, asked: Asked | undefined): Told {
  const meta: JsonObject = receipt === undefined ? {} : { [META.receipt]: receipt };
  if (asked?.method === 'tools/call' && TOLD_TO_THE_MODEL.has(refusal.code) && formOf(refusal) === undefined) {
    const result: JsonObject = {
      content: [{ type: 'text', text: refusal.public }],
      isError: true,
      _meta: { ...meta, [META.code]: refusal.code },
    };
    return { status: 200, result: asked.modern ? { resultType: 'complete', ...result } : result };
  }
  const form = formOf(refusal);
  const data: JsonObject = { ...form?.data, code: refusal.code };
  if (receipt !== undefined) data['receipt'] = receipt;
  return {
    status: form?.status ?? statusOf(refusal, asked),
    error: { code: form?.code ?? codeOf(refusal, asked), message: refusal.public, data },
  };
}

function codeOf(refusal: Refusal, asked: Asked | undefined): number {
  const isResource = asked !== undefined && !asked.modern && asked.method.startsWith('resources/');
  if (refusal.code === 'not_found' && isResource) return RPC.resource_not_found;
  return RPC_CODES[refusal.code] ?? APPLICATION - refusal.http;
}

function statusOf(refusal: Refusal, asked: Asked | undefined): number {
  if (asked === undefined) return refusal.http;
  // 2026-07-28 asks for 404; clients of 2025 take that for a session that has ended.
  if (refusal.code === 'method_unknown') return asked.modern ? 404 : 200;
  return IN_BAND.has(refusal.code) ? 200 : refusal.http;
}
