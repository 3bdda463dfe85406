import { type Cancellation, Canceller, FirstOf } from '../../../core/cancellation.ts';
import type { Clock } from '../../../core/clock.ts';
import { isJsonObject, type JsonObject, type JsonValue, writeJson } from '../../../core/json.ts';
import { isRefusal, type Refusal, refuse } from '../../../core/refusal.ts';
import type { ClientFacts, Era, UpstreamReply, UpstreamSession } from '../upstream.ts';
import { PROBE_MS_MAX } from './limits.ts';
import type { Link } from './link.ts';
import { isModernError, noSuchMethod, UNSUPPORTED_VERSION } from './messages.ts';

/** What a server says of itself. Claims of the server's: shown, passed on, and nothing more. */
export type Introduction = {
  era: Era;
  version: string;
  serverInfo: JsonObject;
  capabilities: JsonObject;
  instructions: string | undefined;
};

/** `other_era`: the server does not speak the one that was tried. */
export type Shaken = { kind: 'introduced'; introduction: Introduction } | { kind: 'other_era'; why: string } | Refusal;

export type Handshake = {
  client: ClientFacts;
  clock: Clock;
  nextId(): number;
  open_ms_max: number;
  /** When that time is up. */
  late: Cancellation;
};

const MODERN = '2026-07-28';
/** Newest first. All of them open with `initialize` and are served as 2025-11-25. */
const LEGACY = ['2025-11-25', '2025-06-18', '2025-03-26', '2024-11-05'];
const META = 'io.modelcontextprotocol';
const INSTRUCTIONS_CHARACTERS_MAX = 64 * 1024;

/** `_meta` of a request of the gateway's own in 2026-07-28. */
export function modernMeta(client: ClientFacts): JsonObject {
  return {
    [`${META}/protocolVersion`]: MODERN,
    [`${META}/clientInfo`]: client.clientInfo,
    [`${META}/clientCapabilities`]: client.capabilities,
  };
}

/**
 * 2026-07-28, versioning: `server/discover` is tried, and any answer but a result or an error of that era's own means that
 * the server is of the time before. Silence means so on stdio only.
 */
export async function discover(link: Link, hand: Handshake, stdio: boolean): Promise<Shaken> {
  link.adopt({ era: MODERN, version: MODERN, capabilities: {} });
  const params = { _meta: modernMeta(hand.client) };
  const silence = new Canceller();
  const cancel = stdio ? hand.clock.after(PROBE_MS_MAX, () => silence.cancel()) : () => {};
  const reply = await ask(link, hand, 'server/discover', params, new FirstOf(hand.late, silence));
  cancel();
  if (isRefusal(reply)) {
    if (silence.cancelled) return otherEra('it did not answer server/discover');
    // Some servers of the time before end when they are asked what they do not know.
    return stdio && link.closed && !hand.late.cancelled
      ? otherEra('it ended over server/discover')
      : judgeStatus(link, reply);
  }
  return reply.kind === 'error' ? judgeError(reply) : introduced(reply.result, MODERN);
}

/** What a server of 2026-07-28 says of itself now, in a session that stands: there is nothing to shake hands for. */
export async function introduceAgain(
  session: UpstreamSession,
  { client, nextId }: Pick<Handshake, 'client' | 'nextId'>,
  cancellation: Cancellation,
): Promise<Introduction | Refusal> {
  const method = 'server/discover';
  const params = { _meta: modernMeta(client) };
  const id = nextId();
  const bytes = writeJson({ jsonrpc: '2.0', id, method, params });
  const io = { cancellation, onNotification: () => {}, onRequest: async () => noSuchMethod() };
  const reply = await session.send({ bytes, id, method, params }, io);
  if (isRefusal(reply)) return reply;
  const shaken = reply.kind === 'result' ? introduced(reply.result, MODERN) : otherEra(`error ${reply.error.code}`);
  if (isRefusal(shaken)) return shaken;
  return shaken.kind === 'introduced'
    ? shaken.introduction
    : refuse('upstream_failed', `server/discover: ${shaken.why}`);
}

/** Before 2026-07-28 a connection, or a session, begins with `initialize`. */
export async function initialize(link: Link, hand: Handshake): Promise<Shaken> {
  link.adopt(undefined);
  const params = { protocolVersion: LEGACY[0] as string, ...hand.client };
  const reply = await ask(link, hand, 'initialize', params, hand.late);
  if (isRefusal(reply)) return judgeStatus(link, reply);
  if (reply.kind === 'error') return otherEra(`it refused to initialize (${reply.error.code})`);
  const version = reply.result['protocolVersion'];
  if (typeof version !== 'string' || !LEGACY.includes(version)) {
    return refuse('upstream_failed', 'the server chose a protocol version that was not offered');
  }
  link.adopt({ era: '2025-11-25', version, capabilities: hand.client.capabilities });
  const method = 'notifications/initialized';
  const unsent = await link.notify({ bytes: writeJson({ jsonrpc: '2.0', method }), method, params: {} });
  return unsent ?? introduced(reply.result, version);
}

async function ask(
  link: Link,
  hand: Handshake,
  method: string,
  params: JsonObject,
  cancellation: Cancellation,
): Promise<UpstreamReply | Refusal> {
  const id = hand.nextId();
  const bytes = writeJson({ jsonrpc: '2.0', id, method, params });
  return link.exchange(
    { bytes, id, method, params },
    {
      cancellation,
      onNotification: () => {},
      onRequest: async () => noSuchMethod(),
    },
    hand.open_ms_max,
  );
}

function judgeError({ error }: UpstreamReply & { kind: 'error' }): Shaken {
  if (!isModernError(error.code)) return otherEra(`it answered server/discover with ${error.code}`);
  if (error.code !== UNSUPPORTED_VERSION) return refuse('upstream_failed', `server/discover failed: ${error.code}`);
  const supported = isJsonObject(error.data) ? error.data['supported'] : undefined;
  const legacy = Array.isArray(supported) && supported.some((version) => LEGACY.includes(String(version)));
  return legacy
    ? otherEra('it supports earlier versions only')
    : refuse('upstream_failed', 'no common protocol version');
}

/** Over HTTP a server of the other era answers 4xx with a body of its own kind, or none. */
function judgeStatus(link: Link, refusal: Refusal): Shaken {
  const status = link.last_status ?? 0;
  const other = status >= 400 && status < 500 && status !== 401 && status !== 403 && status !== 429;
  return other ? otherEra(`it answered ${status}`) : refusal;
}

function otherEra(why: string): Shaken {
  return { kind: 'other_era', why };
}

function introduced(result: JsonObject, version: string): Shaken {
  const modern = version === MODERN;
  if (modern && !(Array.isArray(result['supportedVersions']) && result['supportedVersions'].includes(MODERN))) {
    return otherEra('it does not list the version that it was asked in');
  }
  const meta = isJsonObject(result['_meta']) ? result['_meta'] : {};
  const instructions = result['instructions'];
  return {
    kind: 'introduced',
    introduction: {
      era: modern ? MODERN : '2025-11-25',
      version,
      serverInfo: objectOf(modern ? meta[`${META}/serverInfo`] : result['serverInfo']),
      capabilities: objectOf(result['capabilities']),
      instructions: typeof instructions === 'string' ? instructions.slice(0, INSTRUCTIONS_CHARACTERS_MAX) : undefined,
    },
  };
}

function objectOf(value: JsonValue | undefined): JsonObject {
  return isJsonObject(value) ? value : {};
}
