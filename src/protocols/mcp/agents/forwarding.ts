import { andThen } from '../../../core/and-then.ts';
import { type JsonObject, writeJson } from '../../../core/json.ts';
import { isRefusal, type Refusal, refuse } from '../../../core/refusal.ts';
import type { ForwardIo } from '../../../enforcement/index.ts';
import type { ClientFacts, Era, ExchangeIo, OpenOptions, UpstreamReply, UpstreamSession } from '../upstream.ts';
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
export function prepare(asking: Asking, outgoing: Outgoing): Prepared | Refusal | Promise<Prepared | Refusal> {
  const { catalogs } = asking.parts;
  const { server } = outgoing;
  const preferred = asking.modern ? MODERN : SESSIONS;
  const known = catalogs.era(server, preferred);
  if (known !== undefined) return written(asking, outgoing, known);
  return andThen(catalogs.of(server), (catalog) => {
    if (isRefusal(catalog)) return catalog;
    const era = catalogs.era(server, preferred);
    if (era === undefined) return refuse('upstream_unavailable', `${server} speaks no known revision`);
    return written(asking, outgoing, era);
  });
}

function written(asking: Asking, outgoing: Outgoing, era: Era): Prepared {
  const id = asking.parts.upstreams.nextId();
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

/** What came back, and from where. */
export type Sent = { session: UpstreamSession; reply: UpstreamReply };

/** Sends what was prepared, and nothing else; frames go through the table on their way back. */
export function send(asking: Asking, prepared: Prepared, io: ForwardIo): Sent | Refusal | Promise<Sent | Refusal> {
  const { server, era } = prepared;
  return andThen(openFor(asking, server, era), (session) => {
    if (isRefusal(session)) return session;
    if (session.era === era) return sendOn(session, asking, prepared, io);
    return refuse('upstream_unavailable', `${server} speaks ${session.era} now, and not ${era}`);
  });
}

async function sendOn(
  session: UpstreamSession,
  asking: Asking,
  prepared: Prepared,
  io: ForwardIo,
): Promise<Sent | Refusal> {
  const reply = await session.send(prepared, exchangeIo(asking, prepared, io));
  return isRefusal(reply) ? reply : { session, reply };
}

export function openFor(
  asking: Asking,
  server: string,
  era: Era,
): UpstreamSession | Refusal | Promise<UpstreamSession | Refusal> {
  const { upstreams } = asking.parts;
  const options: OpenOptions = { prefer: era, client: clientOf(asking, era) };
  if (era !== MODERN && asking.session !== undefined) options.scope = asking.session.id;
  return andThen(upstreams.open(server, asking.run, options), (session) => {
    if (isRefusal(session)) return session;
    if (session.era !== era) asking.parts.catalogs.refuteEra(server, era);
    else if (asking.session && era !== MODERN) hear(asking, session);
    return session;
  });
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
    cancellation: io.cancellation,
    on: { run: io.run, caller: io.caller },
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
