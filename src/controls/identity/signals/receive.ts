import type { Clock } from '../../../core/clock.ts';
import type { Documents } from '../../../core/document.ts';
import { isRefusal, type Refusal } from '../../../core/refusal.ts';
import type { Transaction } from '../../../storage/index.ts';
import { type ChangeParts, change } from '../change.ts';
import type { StopList } from '../contract.ts';
import { digestOf } from '../digest.ts';
import { openIssuerKeys } from '../federation/keys.ts';
import { endRun } from '../store/runs.ts';
import type { SignalSource } from './contract.ts';
import { CREDENTIAL_CHANGE, readEvent, SESSION_REVOKED, type SecurityEvent, type SubjectId } from './events.ts';
import { claimEvent } from './store.ts';

/** Whom an event is about, as this gateway knows them. */
export type SignalTarget = { kind: 'agent' | 'user' | 'run'; id: string };

export type ReceiveParts = ChangeParts & {
  clock: Clock;
  documents: Documents;
  issuer: string;
  stops: Pick<StopList, 'set' | 'list'>;
  /** Undefined for somebody who is not known here, which is no error: transmitters tell of everybody. */
  resolve(subject: SubjectId, source: SignalSource): Promise<SignalTarget | undefined>;
  /** Ends what a target has open, in the transaction: ids of its runs; a person's sessions go with them. */
  openRuns(tx: Transaction, target: SignalTarget): Promise<readonly string[]>;
  signOut(tx: Transaction, user: string): Promise<void>;
};

export interface Receiver {
  readonly source: SignalSource;
  /** Undefined once it is dealt with, now or earlier. */
  receive(text: string): Promise<Refusal | undefined>;
}

/** What CAEP says of `change_type`: these two end the credential, the others replace it. */
const ENDED: ReadonlySet<unknown> = new Set(['revoke', 'delete']);

/**
 * A session that was revoked elsewhere ends here: runs and sign-ins. A credential that was revoked is stopped besides, and
 * stays so until a person lifts it: whose key was taken back does not come in with it again.
 */
export function openReceiver(source: SignalSource, parts: ReceiveParts): Receiver {
  const { issuer, jwks_uri, ca } = source;
  const keys = openIssuerKeys({ issuer, jwks_uri, ca, once: true, rules: [] }, parts);
  const audience = source.audience ?? parts.issuer;
  return {
    source,
    async receive(text) {
      const event = await readEvent(text, { issuer, audience, keys, now: () => parts.time.now() });
      if (isRefusal(event)) return event;
      return act(event, source, parts);
    },
  };
}

async function act(event: SecurityEvent, source: SignalSource, parts: ReceiveParts): Promise<Refusal | undefined> {
  const { type, subject } = event;
  if (subject === undefined || (type !== SESSION_REVOKED && type !== CREDENTIAL_CHANGE)) return undefined;
  const target = await parts.resolve(subject, source);
  if (target === undefined) return undefined;
  const fresh = await change(parts, async (tx, now) => {
    const isFresh = await claimEvent(tx, digestOf([source.issuer, event.jti]), now);
    if (isFresh) await endAll(tx, target, { event, source, now }, parts);
    return isFresh;
  });
  if (isRefusal(fresh)) return fresh;
  const isEnded = type === CREDENTIAL_CHANGE && ENDED.has(event.details['change_type']);
  return fresh && isEnded ? stop(target, source, parts) : undefined;
}

async function endAll(
  tx: Transaction,
  target: SignalTarget,
  { event, source, now }: { event: SecurityEvent; source: SignalSource; now: number },
  parts: ReceiveParts,
): Promise<void> {
  const runs = await parts.openRuns(tx, target);
  for (const run of runs) await endRun(tx, run, now);
  if (target.kind === 'user') await parts.signOut(tx, target.id);
  const { jti, type } = event;
  const payload = { issuer: source.issuer, jti, type, about: target.kind, id: target.id, runs: [...runs] };
  await parts.record(tx, {
    event: 'signal.receive',
    by: 'gateway',
    subject: null,
    before: null,
    after: digestOf(payload),
    payload,
  });
}

async function stop(target: SignalTarget, source: SignalSource, parts: ReceiveParts): Promise<Refusal | undefined> {
  const { kind, id } = target;
  if (parts.stops.list().some((known) => known.kind === kind && known.id === id)) return undefined;
  const set = await parts.stops.set({ kind, id, reason: `${source.issuer} revoked a credential`, by: 'gateway' });
  return isRefusal(set) ? set : undefined;
}
