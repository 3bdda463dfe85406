import { timingSafeEqual } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { isJsonObject, JsonError, type JsonObject, type JsonValue, parseJson } from '../../../core/json.ts';
import type { Refusal, RefusalCode } from '../../../core/refusal.ts';
import type { Secret } from '../../../core/secret.ts';
import { hashSecret } from '../digest.ts';
import { type RateLimit, sourceOf } from '../rate-limits.ts';
import type { SignalSink } from './contract.ts';
import { EVENT_CHARS_MAX } from './events.ts';
import type { Receiver } from './receive.ts';
import type { Transmitter } from './transmit.ts';

const METADATA_PATH = '/.well-known/ssf-configuration';
const KEYS_PATH = '/ssf/jwks';
const EVENTS_PATH = '/ssf/events';
const POLL_PREFIX = '/ssf/poll/';
const VERIFY_PATH = '/ssf/verify';
const POLL_BYTES_MAX = 65_536;
const EVENTS_AT_ONCE_MAX = 100;

export type SignalDoorParts = {
  issuer: string;
  receivers: readonly Receiver[];
  sinks: readonly SignalSink[];
  transmitter: Transmitter;
  /** Public halves of the keys that sign events. */
  keys(): JsonValue;
  /** Puts the event that shows a receiver that its stream works into it (SSF 1.0, section 8.1.4). */
  verify(sink: SignalSink, state: string | undefined): Promise<void>;
  limit: RateLimit;
};

type Answer = { status: number; body?: JsonValue };

/** Shared Signals over HTTP: what transmitters push to us (RFC 8935), and what receivers fetch from us (RFC 8936). */
export function signalPaths(parts: SignalDoorParts): (path: string) => boolean {
  const paths = new Set<string>();
  if (parts.receivers.some(({ source }) => source.push_token !== undefined)) paths.add(EVENTS_PATH);
  if (parts.sinks.length > 0) for (const path of [METADATA_PATH, KEYS_PATH, VERIFY_PATH]) paths.add(path);
  for (const { stream, poll_token } of parts.sinks) if (poll_token !== undefined) paths.add(POLL_PREFIX + stream);
  return (path) => paths.has(path);
}

export async function answerSignal(request: IncomingMessage, parts: SignalDoorParts): Promise<Answer> {
  const path = (request.url ?? '').split('?', 1)[0] as string;
  if (path === METADATA_PATH || path === KEYS_PATH) {
    if (request.method !== 'GET') return { status: 405 };
    return { status: 200, body: path === KEYS_PATH ? parts.keys() : metadata(parts.issuer) };
  }
  if (request.method !== 'POST') return { status: 405 };
  if (!parts.limit.take(sourceOf(request.socket.remoteAddress ?? ''))) return { status: 429 };
  if (path === EVENTS_PATH) return takeEvent(request, parts);
  const sink = parts.sinks.find(
    (one) => isSecret(request, one.poll_token) && (path === VERIFY_PATH || path === POLL_PREFIX + one.stream),
  );
  if (sink === undefined) return { status: 401, body: { err: 'authentication_failed' } };
  const body = await readObject(request);
  if (body === undefined) return { status: 400, body: { err: 'invalid_request' } };
  return path === VERIFY_PATH ? verifyStream(sink, body, parts) : poll(sink, body, parts);
}

function metadata(issuer: string): JsonValue {
  return {
    spec_version: '1_0',
    issuer,
    jwks_uri: issuer + KEYS_PATH,
    delivery_methods_supported: ['urn:ietf:rfc:8935', 'urn:ietf:rfc:8936'],
    verification_endpoint: issuer + VERIFY_PATH,
    authorization_schemes: [{ spec_urn: 'urn:ietf:rfc:6750' }],
  };
}

async function takeEvent(request: IncomingMessage, { receivers }: SignalDoorParts): Promise<Answer> {
  const receiver = receivers.find(({ source }) => isSecret(request, source.push_token));
  if (receiver === undefined) return { status: 401, body: { err: 'authentication_failed' } };
  if (!/^application\/secevent\+jwt\s*(?:;|$)/i.test(request.headers['content-type'] ?? '')) {
    return { status: 400, body: { err: 'invalid_request', description: 'not application/secevent+jwt' } };
  }
  const text = (await readText(request, EVENT_CHARS_MAX))?.trim();
  if (text === undefined) return { status: 400, body: { err: 'invalid_request', description: 'too long' } };
  const refusal = await receiver.receive(text);
  if (refusal === undefined) return { status: 202 };
  return { status: isOurs(refusal) ? 503 : 400, body: { err: errorOf(refusal), description: refusal.public } };
}

/** What went wrong here and not with the event: the transmitter is to try again. */
function isOurs({ code }: Refusal): boolean {
  return code === 'issuer_unavailable' || code === 'log_unavailable';
}

/** RFC 8935, section 2.4. */
function errorOf({ code }: Refusal): string {
  const errors: Partial<Record<RefusalCode, string>> = {
    token_unknown: 'invalid_issuer',
    token_wrong_audience: 'invalid_audience',
    token_signature_invalid: 'invalid_key',
    token_key_unknown: 'invalid_key',
  };
  return errors[code] ?? 'invalid_request';
}

/** RFC 8936, section 2.4. It answers at once: who asks to wait asks again. */
async function poll(sink: SignalSink, body: JsonObject, { transmitter }: SignalDoorParts): Promise<Answer> {
  const { ack = [], setErrs = {}, maxEvents = EVENTS_AT_ONCE_MAX } = body;
  const most = typeof maxEvents === 'number' ? Math.min(Math.max(0, Math.floor(maxEvents)), EVENTS_AT_ONCE_MAX) : -1;
  if (!Array.isArray(ack) || !isJsonObject(setErrs) || most < 0)
    return { status: 400, body: { err: 'invalid_request' } };
  const done = [...ack, ...Object.keys(setErrs)].filter((id) => typeof id === 'string');
  await transmitter.acknowledge(sink, done.slice(0, EVENTS_AT_ONCE_MAX));
  const { sets, more } = most === 0 ? { sets: {}, more: false } : await transmitter.waiting(sink, most);
  return { status: 200, body: { sets: { ...sets }, moreAvailable: more } };
}

async function verifyStream(sink: SignalSink, body: JsonObject, { verify }: SignalDoorParts): Promise<Answer> {
  const { stream_id, state } = body;
  if (stream_id !== sink.stream || (state !== undefined && typeof state !== 'string')) return { status: 400 };
  await verify(sink, state);
  return { status: 204 };
}

/** In constant time: both are hashed first, so that their lengths are the same. */
function isSecret(request: IncomingMessage, secret: Secret | undefined): boolean {
  const [, shown] = /^Bearer ([\x21-\x7e]{1,1024})$/i.exec(request.headers.authorization ?? '') ?? [];
  if (secret === undefined || shown === undefined) return false;
  return timingSafeEqual(Buffer.from(hashSecret(shown)), Buffer.from(hashSecret(secret.reveal())));
}

async function readObject(request: IncomingMessage): Promise<JsonObject | undefined> {
  const text = await readText(request, POLL_BYTES_MAX);
  if (text === undefined) return undefined;
  try {
    const value = parseJson(text === '' ? '{}' : text);
    return isJsonObject(value) ? value : undefined;
  } catch (error) {
    if (error instanceof JsonError) return undefined;
    throw error;
  }
}

async function readText(request: IncomingMessage, bytes_max: number): Promise<string | undefined> {
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of request as AsyncIterable<Buffer>) {
    bytes += part.length;
    if (bytes > bytes_max) return undefined;
    parts.push(part);
  }
  return Buffer.concat(parts).toString('utf8');
}

export function write(response: ServerResponse, { status, body }: Answer): void {
  const text = body === undefined ? '' : JSON.stringify(body);
  response.writeHead(status, {
    'cache-control': 'no-store',
    'content-length': Buffer.byteLength(text),
    ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    ...(status === 405 ? { allow: 'GET, POST' } : {}),
  });
  response.end(text);
}
