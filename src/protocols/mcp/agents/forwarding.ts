import { type JsonObject, writeJson } from '../../../core/json.ts';
import { isRefusal, type Refusal, refuse } from '../../../core/refusal.ts';
import type { ForwardIo } from '../../../enforcement/index.ts';
import type { ClientFacts, Era, ExchangeIo, UpstreamReply, UpstreamSession } from '../upstream.ts';
import { type Asking, objectOf } from './asking.ts';
import { askAgent } from './children.ts';
import { isSevere } from './levels.ts';
import { META, MODERN } from './wire.ts';

/** A request as it goes to a server: what of the agent's is passed on, under the server's own names. */
export type Outgoing = { server: string; method: string; params: JsonObject; headers?: Record<string, string> };

/** The very bytes, made before the decision, and all that is needed to send them after it. */
export type Prepared = Outgoing & { era: Era; id: number; bytes: Buffer };

const SESSIONS: Era = '2025-11-25';

/** Writes the request anew: with an id of the gateway's own, and of `_meta` only what is known here. */
export async function prepare(asking: Asking, outgoing: Outgoing): Promise<Prepared | Refusal> {
  const { catalogs, upstreams } = asking.parts;
  const preferred = asking.modern ? MODERN : SESSIONS;
  let era = catalogs.era(outgoing.server, preferred);
  if (era === undefined) {
    const catalog = await catalogs.of(outgoing.server);
    if (isRefusal(catalog)) return catalog;
    era = catalogs.era(outgoing.server, preferred);
  }
  if (era === undefined) return refuse('upstream_unavailable', `${outgoing.server} speaks no known revision`);
  const id = upstreams.nextId();
  const meta = era === MODERN ? modernMeta(asking, id) : sessionMeta(asking, id);
  const params = Object.keys(meta).length === 0 ? outgoing.params : { ...outgoing.params, _meta: meta };
  const bytes = writeJson({ jsonrpc: '2.0', id, method: outgoing.method, params });
  return { ...outgoing, params, era, id, bytes };
}

function sessionMeta({ meta }: Asking, id: number): JsonObject {
  return { ...(meta['progressToken'] === undefined ? {} : { progressToken: id }), ...traceOf(meta) };
}

function modernMeta(asking: Asking, id: number): JsonObject {
  const { meta, client, session } = asking;
  const level = meta[META.level] ?? session?.level;
  return {
    ...sessionMeta(asking, id),
    [META.version]: MODERN,
    // An agent with sessions cannot be asked by a server that has none.
    [META.capabilities]: asking.modern ? client.capabilities : {},
    [META.client]: client.clientInfo,
    ...(typeof level === 'string' ? { [META.level]: level } : {}),
  };
}

function traceOf(meta: JsonObject): JsonObject {
  const { traceparent, tracestate } = meta;
  return {
    ...(typeof traceparent === 'string' ? { traceparent } : {}),
    ...(typeof tracestate === 'string' ? { tracestate } : {}),
  };
}

/** Sends what was prepared, and nothing else; frames go through the table on their way back. */
export async function send(
  asking: Asking,
  prepared: Prepared,
  io: ForwardIo,
): Promise<{ session: UpstreamSession; reply: UpstreamReply } | Refusal> {
  const session = await openFor(asking, prepared.server, prepared.era);
  if (isRefusal(session)) return session;
  if (session.era !== prepared.era) {
    return refuse('upstream_unavailable', `${prepared.server} speaks ${session.era} now, and not ${prepared.era}`);
  }
  const { bytes, id, method, params, headers } = prepared;
  const request = { bytes, id, method, params, ...(headers ? { headers } : {}) };
  const reply = await session.send(request, exchangeIo(asking, prepared, io));
  return isRefusal(reply) ? reply : { session, reply };
}

export async function openFor(asking: Asking, server: string, era: Era): Promise<UpstreamSession | Refusal> {
  const { upstreams } = asking.parts;
  const scope = era === MODERN || asking.session === undefined ? {} : { scope: asking.session.id };
  const opened = upstreams.open(server, asking.run, { prefer: era, client: clientOf(asking, era), ...scope });
  const session = opened instanceof Promise ? await opened : opened;
  if (isRefusal(session)) return session;
  if (session.era !== era) asking.parts.catalogs.refuteEra(server, era);
  else if (asking.session && era !== MODERN) hear(asking, session);
  return session;
}

/** A stateless agent cannot be asked in the middle of a call, so a server of 2025 is told that it can not. */
function clientOf(asking: Asking, era: Era): ClientFacts {
  const { capabilities, clientInfo } = asking.client;
  return { capabilities: era !== MODERN && asking.modern ? {} : capabilities, clientInfo };
}

/** What a server of 2025 says outside of any request goes to the session's GET stream. */
function hear(asking: Asking, upstream: UpstreamSession): void {
  const { session, naming } = asking;
  session?.hear(upstream, (method, params) => {
    if (method === 'notifications/message' && isSevere(params['level'], session.level))
      session.notify({ method, params });
    if (method !== 'notifications/resources/updated' || typeof params['uri'] !== 'string') return;
    const uri = naming.uri(upstream.server, params['uri']);
    if (session.subscriptions.has(uri)) session.notify({ method, params: { uri } });
  });
}

function exchangeIo(asking: Asking, prepared: Prepared, io: ForwardIo): ExchangeIo {
  return {
    signal: io.signal,
    onNotification: (method, params) => {
      const value = frameOf(asking, prepared, method, params);
      if (value === undefined) return undefined;
      const message = { jsonrpc: '2.0', method, params: value };
      return io.emit({ name: method, value: message, bytes: JSON.stringify(value).length });
    },
    onRequest: (method, params) => askAgent(asking, io, { server: prepared.server, method, params }),
    onPause: () => void asking.reply.pause(),
  };
}

/** The frame as the agent is to see it; undefined for one that it did not ask for. */
function frameOf(asking: Asking, prepared: Prepared, method: string, params: JsonObject): JsonObject | undefined {
  const { meta, modern, session } = asking;
  switch (method) {
    case 'notifications/progress': {
      const token = meta['progressToken'];
      if (token === undefined || params['progressToken'] !== prepared.id) return undefined;
      return { ...params, progressToken: token };
    }
    case 'notifications/message': {
      const level = modern ? meta[META.level] : session?.level;
      const unasked = modern && level === undefined;
      return unasked || !isSevere(params['level'], level) ? undefined : params;
    }
    case 'notifications/elicitation/complete':
      return modern ? undefined : params;
    default:
      return undefined;
  }
}

/** Of what a client says it can do, what this gateway knows how to decide. */
export function knownCapabilities(declared: JsonObject): JsonObject {
  const known: JsonObject = {};
  for (const name of ['sampling', 'elicitation', 'roots']) {
    if (declared[name] !== undefined) known[name] = objectOf(declared[name]);
  }
  return known;
}
