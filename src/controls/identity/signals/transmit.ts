import { createPrivateKey, sign } from 'node:crypto';
import type { Clock, Random } from '../../../core/clock.ts';
import type { Documents, FetchDocument } from '../../../core/document.ts';
import { newId } from '../../../core/ids.ts';
import { isJsonObject, type JsonObject } from '../../../core/json.ts';
import { isRefusal } from '../../../core/refusal.ts';
import type { Secret } from '../../../core/secret.ts';
import type { Database, Transaction } from '../../../storage/index.ts';
import type { ControlChange, RecordControl } from '../contract.ts';
import type { SignalSink, SignalsJwk } from './contract.ts';
import { CREDENTIAL_CHANGE, SESSION_REVOKED } from './events.ts';
import { dropOlder, dropWaiting, holdWaiting, insertWaiting, listWaiting, putOff, type WaitingEvent } from './store.ts';

const LOOK_EVERY_MS = 1_000;
const AT_ONCE = 16;
const DELIVERY_SECONDS_MAX = 10;
const ANSWER_BYTES_MAX = 16_384;
const HELD_MS = 30_000;
const RETRY_MS_MAX = 60 * 60_000;
/** RFC 8935, section 2: a receiver that is away for longer has to look at everything anew anyway. */
const KEPT_MS_MAX = 7 * 24 * 60 * 60_000;

export type TransmitParts = {
  db: Database;
  clock: Clock;
  random: Random;
  documents: Documents;
  issuer: string;
  now: () => number;
  key: () => Secret<SignalsJwk>;
  sinks: readonly SignalSink[];
  report: (problem: string, error: unknown) => void;
};

export interface Transmitter {
  /** `record`, and in the same transaction what receivers are to be told of the change. */
  recording(record: RecordControl): RecordControl;
  /** For a receiver that fetches: what waits, as signed events by their ids. */
  waiting(sink: SignalSink, limit: number): Promise<{ sets: Readonly<Record<string, string>>; more: boolean }>;
  acknowledge(sink: SignalSink, ids: readonly string[]): Promise<void>;
  close(): void;
}

/** Changes that others should know, in CAEP's words; the rest is ours alone. */
export function openTransmitter(parts: TransmitParts): Transmitter {
  const { db, sinks } = parts;
  const endDelivery = sinks.some(({ push }) => push !== undefined) ? deliverRepeatedly(parts) : () => {};
  return {
    recording: (record) =>
      sinks.length === 0
        ? record
        : async (tx, change) => {
            await enqueue(tx, change, parts);
            return record(tx, change);
          },
    async waiting({ stream, audience }, limit) {
      const events = await listWaiting(db, stream, limit + 1);
      const sets = events.slice(0, limit).map((event): [string, string] => [event.id, signed(event, audience, parts)]);
      return { sets: Object.fromEntries(sets), more: events.length > limit };
    },
    async acknowledge({ stream }, ids) {
      for (const id of ids) await dropWaiting(db, stream, id);
    },
    close: endDelivery,
  };
}

async function enqueue(tx: Transaction, change: ControlChange, parts: TransmitParts): Promise<void> {
  const claims = claimsOf(change, parts.issuer);
  if (claims === undefined) return;
  const since = await tx.now();
  for (const { stream } of parts.sinks) {
    await insertWaiting(tx, { id: newId('set', parts.random), stream, claims, since, tries: 0 });
  }
}

/** `sub_id` and `events` of the token that tells of a change. */
function claimsOf(change: ControlChange, issuer: string): JsonObject | undefined {
  const { event, subject, payload } = change;
  const said = isJsonObject(payload) ? payload : {};
  const agent = (sub: unknown): JsonObject => ({ format: 'iss_sub', iss: issuer, sub: String(sub) });
  const opaque = (id: unknown): JsonObject => ({ format: 'opaque', id: String(id) });
  const why = { reason_admin: { en: String(said['reason'] ?? event) } };
  if (event === 'run.end') return session(opaque(subject), why);
  if (event === 'agent.remove') return credential(agent(said['id'] ?? subject), 'delete', why);
  if (event === 'agent.rotate') return credential(agent(said['id'] ?? subject), 'update', why);
  if (event === 'token.revoke') return credential(opaque(subject), 'revoke', why);
  if (event !== 'stop.set') return undefined;
  switch (said['kind']) {
    case 'agent':
      return session(agent(said['id']), why);
    case 'user':
    case 'run':
      return session(opaque(said['id']), why);
    case 'key':
      return credential(opaque(said['id']), 'revoke', why);
    default:
      return undefined;
  }
}

function session(sub_id: JsonObject, why: JsonObject): JsonObject {
  return { sub_id, events: { [SESSION_REVOKED]: { initiating_entity: 'admin', ...why } } };
}

function credential(sub_id: JsonObject, change_type: string, why: JsonObject): JsonObject {
  return {
    sub_id,
    events: { [CREDENTIAL_CHANGE]: { credential_type: 'app', change_type, initiating_entity: 'admin', ...why } },
  };
}

/** RFC 8417; RS256, as CAEP's interoperability profile has it. Signed when it leaves, so that a key can be replaced. */
function signed({ id, claims, since }: WaitingEvent, audience: string, { issuer, key }: TransmitParts): string {
  const jwk = key().reveal();
  const iat = Math.floor(since / 1000);
  const body = withTime(claims as JsonObject, iat);
  const header = { alg: 'RS256', typ: 'secevent+jwt', kid: jwk.kid };
  const text = [header, { iss: issuer, aud: audience, jti: id, iat, ...body }]
    .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
    .join('.');
  const signature = sign('sha256', Buffer.from(text), createPrivateKey({ key: { ...jwk }, format: 'jwk' }));
  return `${text}.${signature.toString('base64url')}`;
}

function withTime(claims: JsonObject, event_timestamp: number): JsonObject {
  const events = Object.entries(claims['events'] as JsonObject);
  return {
    ...claims,
    events: Object.fromEntries(
      events.map(([type, details]) => [type, { event_timestamp, ...(details as JsonObject) }]),
    ),
  };
}

/** One replica at a time has an event; whose receiver is away waits ever longer, and is told for a week at most. */
function deliverRepeatedly(parts: TransmitParts): () => void {
  let closed = false;
  let cancel = (): void => {};
  const doors = new Map(
    parts.sinks.flatMap((sink) =>
      sink.push === undefined
        ? []
        : [[sink, parts.documents.configured({ addresses: [sink.push.url], ca: sink.push.ca })]],
    ),
  );
  const next = (): void => {
    if (closed) return;
    cancel = parts.clock.after(LOOK_EVERY_MS, () => {
      Promise.all([...doors].map(([sink, door]) => deliver(sink, door, parts)))
        .catch((error: unknown) => parts.report('security events could not be delivered', error))
        .finally(next);
    });
  };
  next();
  return () => {
    closed = true;
    cancel();
  };
}

async function deliver(sink: SignalSink, door: FetchDocument, parts: TransmitParts): Promise<void> {
  const now = parts.now();
  await dropOlder(parts.db, now - KEPT_MS_MAX);
  const events = await parts.db.transaction((tx) =>
    holdWaiting(tx, sink.stream, { now, until: now + HELD_MS, limit: AT_ONCE }),
  );
  for (const event of events) await push(event, sink, door, parts);
}

async function push(event: WaitingEvent, sink: SignalSink, door: FetchDocument, parts: TransmitParts): Promise<void> {
  const { url, token } = sink.push as NonNullable<SignalSink['push']>;
  const answer = await door(url, {
    method: 'POST',
    headers: {
      'content-type': 'application/secevent+jwt',
      ...(token === undefined ? {} : { authorization: `Bearer ${token.reveal()}` }),
    },
    body: Buffer.from(signed(event, sink.audience, parts)),
    accept: ['application/json', '*/*'],
    bytes_max: ANSWER_BYTES_MAX,
    seconds_max: DELIVERY_SECONDS_MAX,
  });
  if (!isRefusal(answer) && answer.status === 202) return dropWaiting(parts.db, sink.stream, event.id);
  const what = isRefusal(answer) ? answer.reason : `it answered ${answer.status}`;
  parts.report(`the receiver of ${sink.stream} did not take a security event`, what);
  // RFC 8935, section 2.4: who says that an event is wrong says so again the next time.
  if (!isRefusal(answer) && answer.status === 400) return dropWaiting(parts.db, sink.stream, event.id);
  const until = parts.now() + Math.min(LOOK_EVERY_MS * 2 ** event.tries, RETRY_MS_MAX);
  await putOff(parts.db, event.id, until);
}
