import { isJsonObject, type JsonObject, type JsonValue } from '../../../core/json.ts';
import { REFUSAL_CODES, type Refusal, refuse } from '../../../core/refusal.ts';
import type { UpstreamReply, UpstreamSession } from '../upstream.ts';
import { type Asking, type Carried, objectOf } from './asking.ts';
import { META, MODERN, RPC } from './wire.ts';

export const CANNOT_ASK = {
  public: 'The server asks for input in the middle of a call, which needs MCP 2026-07-28 on both sides.',
};

/** A server's answer as the agent is to get it: in the agent's revision, under the names that the agent knows. */
export function translate(asking: Asking, session: UpstreamSession, reply: UpstreamReply): Carried | Refusal {
  // It knows no way to ask an agent with a session, and was told so: to the agent that is no fault of its client's.
  const cannotAsk = reply.kind === 'error' && reply.error.code === RPC.missing_capability && !asking.modern;
  if (cannotAsk)
    return refuse('upstream_request_denied', 'it asks in a way that this agent cannot be asked', CANNOT_ASK);
  if (reply.kind === 'error') return error(asking, session.server, reply);
  const value = renamed(asking, session.server, withoutForgeries(reply.result));
  if (!asking.modern) return { kind: 'result', result: withoutModernWords(value), bytes: reply.bytes };
  const kind = value['resultType'];
  if (session.era === MODERN && kind !== 'complete') {
    return refuse('upstream_failed', `a result of type ${JSON.stringify(kind ?? null)}`);
  }
  const meta = { [META.server]: session.serverInfo, ...objectOf(value['_meta']) };
  return { kind: 'result', result: { ...value, resultType: 'complete', _meta: meta }, bytes: reply.bytes };
}

/** A resource's content was read under this caller's permission, whatever the server thinks of its secrecy. */
export function asPrivate(asking: Asking, carried: Carried): Carried {
  if (!asking.modern || carried.kind === 'error' || carried.result['resultType'] !== 'complete') return carried;
  const ttl = carried.result['ttlMs'];
  const ttlMs = typeof ttl === 'number' && Number.isSafeInteger(ttl) && ttl >= 0 ? ttl : 0;
  return { ...carried, result: { ...carried.result, ttlMs, cacheScope: 'private' } };
}

const OWN_META = 'dev.sallyport/';

/** What only the gateway may say of an answer: its receipt, and that it was refused. */
export function withoutForgeries(value: JsonObject): JsonObject {
  const meta = value['_meta'];
  if (!isJsonObject(meta) || !Object.keys(meta).some((key) => key.startsWith(OWN_META))) return value;
  const kept = Object.entries(meta).filter(([key]) => !key.startsWith(OWN_META));
  return { ...value, _meta: Object.fromEntries(kept) };
}

function withoutModernWords(value: JsonObject): JsonObject {
  const { resultType: _, ttlMs: __, cacheScope: ___, ...rest } = value;
  return rest;
}

function error(asking: Asking, server: string, reply: Extract<UpstreamReply, { kind: 'error' }>): Carried {
  const { code, data } = reply.error;
  const known = code === RPC.resource_not_found && asking.modern ? RPC.invalid_params : code;
  const told = { ...reply.error, code: known };
  if (isJsonObject(data)) {
    told.data = { ...data };
    if (typeof data['uri'] === 'string') told.data['uri'] = asking.naming.uri(server, data['uri']);
    // The gateway's refusals carry their code there: a server cannot refuse in its name.
    if ((REFUSAL_CODES as readonly unknown[]).includes(data['code'])) delete told.data['code'];
  }
  return { kind: 'error', error: told, bytes: reply.bytes, http: reply.http };
}

/** At `/mcp`, addresses in what a server gives are made readable there: links, embedded resources, contents. */
function renamed(asking: Asking, server: string, value: JsonObject): JsonObject {
  if (asking.server !== undefined) return value;
  const changed: JsonObject = { ...value };
  for (const field of ['content', 'contents']) {
    const items = value[field];
    if (Array.isArray(items)) changed[field] = items.map((item) => renamedBlock(asking, server, item));
  }
  if (Array.isArray(value['messages'])) {
    changed['messages'] = value['messages'].map((message) =>
      isJsonObject(message) && isJsonObject(message['content'])
        ? { ...message, content: renamedBlock(asking, server, message['content']) }
        : message,
    );
  }
  return changed;
}

function renamedBlock(asking: Asking, server: string, block: JsonValue): JsonValue {
  if (!isJsonObject(block)) return block;
  const { uri, resource } = block;
  if (typeof uri === 'string') return { ...block, uri: asking.naming.uri(server, uri) };
  if (!isJsonObject(resource) || typeof resource['uri'] !== 'string') return block;
  return { ...block, resource: { ...resource, uri: asking.naming.uri(server, resource['uri']) } };
}
