import { isJsonObject, JsonError, type JsonObject, type JsonValue, parseJson } from '../../../core/json.ts';
import { type Refusal, refuse } from '../../../core/refusal.ts';
import type { RpcOutcome } from '../upstream.ts';
import { badParams, RPC, type RpcId, refuseAs } from './wire.ts';

/** One JSON-RPC message of an agent's. */
export type Message =
  | { kind: 'request'; id: RpcId; method: string; params: JsonObject }
  | { kind: 'notification'; method: string; params: JsonObject }
  | { kind: 'response'; id: RpcId; outcome: RpcOutcome };

/** `id`: of the request that could be read so far, for the error's sake. */
export type Unreadable = { kind: 'unreadable'; id: RpcId | undefined; refusal: Refusal };

const ID_CHARACTERS_MAX = 256;
const METHOD = /^[A-Za-z][A-Za-z0-9/_$.-]{0,127}$/;

/** One canonical JSON-RPC message. Arrays are refused: one decision, one receipt and one answer for each message. */
export function readMessage(bytes: Uint8Array): Message | Unreadable {
  let value: JsonValue;
  try {
    value = parseJson(bytes);
  } catch (error) {
    if (!(error instanceof JsonError)) throw error;
    return unreadable(undefined, refuseAs({ code: RPC.parse_error }, 'request_not_canonical', error.message));
  }
  if (Array.isArray(value)) return unreadable(undefined, invalid('a batch of messages'));
  if (!isJsonObject(value)) return unreadable(undefined, invalid('not a JSON object'));
  const id = isRpcId(value['id']) ? value['id'] : undefined;
  if (value['jsonrpc'] !== '2.0') return unreadable(id, invalid('jsonrpc is not "2.0"'));
  if (Object.hasOwn(value, 'id') && id === undefined)
    return unreadable(id, invalid('an id that is no string or integer'));
  if (Object.hasOwn(value, 'method')) return readCall(value, id);
  return readResponse(value, id);
}

function readCall(value: JsonObject, id: RpcId | undefined): Message | Unreadable {
  const method = value['method'];
  const params = value['params'] ?? {};
  if (typeof method !== 'string' || !METHOD.test(method)) return unreadable(id, invalid('method is no method name'));
  if (Object.hasOwn(value, 'result') || Object.hasOwn(value, 'error')) {
    return unreadable(id, invalid('a request and a response in one'));
  }
  if (!isJsonObject(params)) return unreadable(id, badParams('params is no object'));
  return id === undefined ? { kind: 'notification', method, params } : { kind: 'request', id, method, params };
}

function readResponse(value: JsonObject, id: RpcId | undefined): Message | Unreadable {
  const { result, error } = value;
  if (id === undefined) return unreadable(id, invalid('neither a request nor a response'));
  if ((result === undefined) === (error === undefined)) {
    return unreadable(id, invalid('a response has either result or error'));
  }
  if (isJsonObject(result)) return { kind: 'response', id, outcome: { kind: 'result', result } };
  if (!isJsonObject(error)) return unreadable(id, invalid('a response whose result or error is no object'));
  const { code, message, data } = error;
  if (!Number.isInteger(code) || typeof message !== 'string')
    return unreadable(id, invalid('an error without its code'));
  const known = { code: code as number, message };
  return { kind: 'response', id, outcome: { kind: 'error', error: data === undefined ? known : { ...known, data } } };
}

export function isRpcId(value: unknown): value is RpcId {
  return Number.isSafeInteger(value) || (typeof value === 'string' && value.length <= ID_CHARACTERS_MAX);
}

function invalid(reason: string): Refusal {
  return refuse('request_malformed', reason);
}

function unreadable(id: RpcId | undefined, refusal: Refusal): Unreadable {
  return { kind: 'unreadable', id, refusal };
}
