import {
  ANSWER_BOUNDS,
  isJsonObject,
  JsonError,
  type JsonObject,
  type JsonValue,
  parseJson,
} from '../../../core/json.ts';
import type { RpcError, RpcOutcome } from '../upstream.ts';

/** One JSON-RPC message from upstream. `garbage` is whatever is not one; it has no owner and no effect. */
export type Incoming =
  /** `id` is null where a server could not tell which request it refuses. */
  | { kind: 'answer'; id: number | null; outcome: RpcOutcome }
  | { kind: 'request'; id: number | string; method: string; params: JsonObject }
  | { kind: 'notification'; method: string; params: JsonObject }
  | { kind: 'garbage'; why: string };

const METHOD_CHARACTERS_MAX = 256;

export function readMessage(bytes: Uint8Array): Incoming {
  let value: JsonValue;
  try {
    value = parseJson(bytes, ANSWER_BOUNDS);
  } catch (error) {
    if (error instanceof JsonError) return garbage(error.message);
    throw error;
  }
  if (!isJsonObject(value)) return garbage(Array.isArray(value) ? 'a batch' : 'not an object');
  if (value['jsonrpc'] !== '2.0') return garbage('not JSON-RPC 2.0');
  return value['method'] === undefined ? readAnswer(value) : readCall(value);
}

function readCall(value: JsonObject): Incoming {
  const { id, method, params = {} } = value;
  if (typeof method !== 'string' || method === '' || method.length > METHOD_CHARACTERS_MAX) return garbage('no method');
  if (!isJsonObject(params)) return garbage('parameters that are not an object');
  if (value['result'] !== undefined || value['error'] !== undefined) return garbage('a call that is also an answer');
  if (id === undefined) return { kind: 'notification', method, params };
  if (typeof id !== 'number' && typeof id !== 'string') return garbage('an id that is neither number nor string');
  return { kind: 'request', id, method, params };
}

function readAnswer(value: JsonObject): Incoming {
  const { id = null, result, error } = value;
  // Our ids are numbers; any other has no owner here.
  if (id !== null && typeof id !== 'number') return garbage('an answer to an id that was never used');
  if ((result === undefined) === (error === undefined)) return garbage('an answer needs either a result or an error');
  if (error !== undefined) {
    const read = readError(error);
    return read === undefined
      ? garbage('an error without code and message')
      : answer(id, { kind: 'error', error: read });
  }
  if (!isJsonObject(result)) return garbage('a result that is not an object');
  return id === null ? garbage('a result without an id') : answer(id, { kind: 'result', result });
}

function readError(value: JsonValue): RpcError | undefined {
  if (!isJsonObject(value)) return undefined;
  const { code, message, data } = value;
  if (typeof code !== 'number' || !Number.isInteger(code) || typeof message !== 'string') return undefined;
  return data === undefined ? { code, message } : { code, message, data };
}

function answer(id: number | null, outcome: RpcOutcome): Incoming {
  return { kind: 'answer', id, outcome };
}

function garbage(why: string): Incoming {
  return { kind: 'garbage', why };
}

/** Our answer to a request from upstream. */
export function writeAnswer(id: number | string, outcome: RpcOutcome): JsonObject {
  return outcome.kind === 'result'
    ? { jsonrpc: '2.0', id, result: outcome.result }
    : { jsonrpc: '2.0', id, error: outcome.error };
}

/** JSON-RPC's own codes, for answers that the gateway gives by itself. */
export const INVALID_REQUEST = -32600;
export const METHOD_NOT_FOUND = -32601;
export const INTERNAL_ERROR = -32603;
/** 2026-07-28, error codes defined by MCP: whoever answers with one of them is of that era. */
export const HEADER_MISMATCH = -32020;
export const MISSING_CAPABILITY = -32021;
export const UNSUPPORTED_VERSION = -32022;

export function noSuchMethod(): RpcOutcome {
  return { kind: 'error', error: { code: METHOD_NOT_FOUND, message: 'Method not found.' } };
}

export function isModernError(code: number): boolean {
  return code === HEADER_MISMATCH || code === MISSING_CAPABILITY || code === UNSUPPORTED_VERSION;
}
