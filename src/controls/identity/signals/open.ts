import type { Clock } from '../../../core/clock.ts';
import { newId } from '../../../core/ids.ts';
import { isJsonObject, parseJson } from '../../../core/json.ts';
import { isRefusal } from '../../../core/refusal.ts';
import { RateLimit } from '../rate-limits.ts';
import type { SignalSettings, SignalSink, Signals } from './contract.ts';
import { VERIFICATION } from './events.ts';
import { answerSignal, type SignalDoorParts, signalPaths, write } from './http.ts';
import { openReceiver, type ReceiveParts, type Receiver } from './receive.ts';
import { insertWaiting } from './store.ts';
import type { TransmitParts, Transmitter } from './transmit.ts';

/** For each source so many at once, then so many a second: an event costs a signature check and a transaction. */
const EVENTS = { burst: 200, per_second: 50 };
const POLL_BYTES_MAX = 1_048_576;
const POLL_SECONDS_MAX = 10;
const POLL_EVENTS_MAX = 32;

export const NO_SIGNALS: SignalSettings = {
  receive: [],
  transmit: [],
  key() {
    throw new Error('nobody is told of events, so nothing signs them');
  },
};

export type SignalsParts = Omit<ReceiveParts, 'issuer'> &
  TransmitParts & { clock: Clock; settings: SignalSettings; transmitter: Transmitter };

/** Joins what is received with what is told, and asks those transmitters that do not push. */
export function openSignals(parts: SignalsParts): Signals & { close(): void } {
  const { settings, transmitter, issuer, report } = parts;
  const receivers = settings.receive.map((source) => openReceiver(source, parts));
  const door: SignalDoorParts = {
    issuer,
    receivers,
    sinks: settings.transmit,
    transmitter,
    keys: () => ({ keys: [publicKey(parts)] }),
    verify: (sink, state) => verify(sink, state, parts),
    limit: new RateLimit(EVENTS, () => parts.clock.monotonic()),
  };
  const endPolls = receivers.map((receiver) => pollRepeatedly(receiver, parts));
  return {
    serves: signalPaths(door),
    handler(request, response) {
      answerSignal(request, door).then(
        (answer) => write(response, answer),
        (error: unknown) => {
          report('a security event could not be dealt with', error);
          write(response, { status: 503 });
        },
      );
    },
    close() {
      for (const end of endPolls) end();
    },
  };
}

function publicKey({ key }: SignalsParts): { [name: string]: string } {
  const { kty, kid, n, e } = key().reveal();
  return { kty, kid, n, e, use: 'sig', alg: 'RS256' };
}

async function verify(sink: SignalSink, state: string | undefined, { db, random }: SignalsParts): Promise<void> {
  const claims = {
    sub_id: { format: 'opaque', id: sink.stream },
    events: { [VERIFICATION]: state === undefined ? {} : { state } },
  };
  await db.transaction(async (tx) => {
    const since = await tx.now();
    await insertWaiting(tx, { id: newId('set', random), stream: sink.stream, claims, since, tries: 0 });
  });
}

/** RFC 8936: what was dealt with is acknowledged with the next request; what could not be is asked for again. */
function pollRepeatedly(receiver: Receiver, parts: SignalsParts): () => void {
  const { source } = receiver;
  if (source.poll === undefined) return () => {};
  const { url, token, every_seconds } = source.poll;
  const door = parts.documents.configured({ addresses: [url], ca: source.ca });
  let cancel = (): void => {};
  let closed = false;
  let ack: readonly string[] = [];
  const ask = async (): Promise<void> => {
    const body = { maxEvents: POLL_EVENTS_MAX, returnImmediately: true, ack: [...ack], setErrs: {} };
    const answer = await door(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${token.reveal()}` },
      body: Buffer.from(JSON.stringify(body)),
      accept: ['application/json'],
      bytes_max: POLL_BYTES_MAX,
      seconds_max: POLL_SECONDS_MAX,
    });
    if (isRefusal(answer) || answer.status !== 200) {
      return parts.report(
        `the events of ${source.issuer} could not be fetched`,
        isRefusal(answer) ? answer.reason : answer.status,
      );
    }
    ack = await receiveAll(receiver, setsOf(answer.body), parts);
  };
  const next = (): void => {
    if (closed) return;
    cancel = parts.clock.after(every_seconds * 1_000, () => {
      ask()
        .catch((error: unknown) => parts.report(`the events of ${source.issuer} could not be read`, error))
        .finally(next);
    });
  };
  next();
  return () => {
    closed = true;
    cancel();
  };
}

function setsOf(bytes: Uint8Array): readonly (readonly [string, string])[] {
  const value = parseJson(Buffer.from(bytes));
  const sets = isJsonObject(value) && isJsonObject(value['sets']) ? value['sets'] : {};
  return Object.entries(sets).flatMap(([id, text]) => (typeof text === 'string' ? [[id, text] as const] : []));
}

async function receiveAll(
  receiver: Receiver,
  sets: readonly (readonly [string, string])[],
  parts: SignalsParts,
): Promise<readonly string[]> {
  const done: string[] = [];
  for (const [id, text] of sets.slice(0, POLL_EVENTS_MAX)) {
    const refusal = await receiver.receive(text);
    if (refusal !== undefined) parts.report(`an event of ${receiver.source.issuer} was refused`, refusal.reason);
    // One that is wrong is wrong the next time too; one that we could not deal with is asked for again.
    if (refusal?.code !== 'log_unavailable' && refusal?.code !== 'issuer_unavailable') done.push(id);
  }
  return done;
}
