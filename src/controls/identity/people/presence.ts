import type { Clock, Random } from '../../../core/clock.ts';
import { isRefusal, type Refusal, refuse } from '../../../core/refusal.ts';
import type { Secret } from '../../../core/secret.ts';
import type { Transaction } from '../../../storage/index.ts';
import { type ChangeParts, transact } from '../change.ts';
import type { Session } from '../contract.ts';
import type { IdentityKeys } from '../identity-keys.ts';
import { RateLimit } from '../rate-limits.ts';
import { enrolmentOf, newAuthenticatorSecret, sealedFor, stepOf } from './authenticator.ts';
import { seal, unseal } from './sealed.ts';
import { readSession, sessionOf } from './sessions.ts';
import {
  completeAuthenticator,
  type StoredPerson,
  type StoredSession,
  savePendingAuthenticator,
  savePresence,
  takeStep,
} from './store.ts';

/** How long a code counts as somebody being there. */
const PRESENCE_MS_MAX = 5 * 60_000;
/** A first authenticator is enrolled soon after the password was given, so that a stolen cookie cannot bring its own. */
const ENROL_MS_MAX = 15 * 60_000;
/** A million codes, three of them right at a time: at this rate, guessing takes years. */
const CODES = { burst: 5, per_second: 1 / 30 };

export type PresenceParts = ChangeParts & { clock: Clock; random: Random; keys: IdentityKeys; issuer: string };

export interface Presence {
  enrol(cookie: string): Promise<{ uri: Secret; secret: Secret } | Refusal>;
  present(cookie: string, code: string): Promise<Session | Refusal>;
}

export function openPresence(parts: PresenceParts): Presence {
  const codes = new RateLimit(CODES, () => parts.clock.monotonic());
  return {
    enrol: (cookie) => enrol(cookie, parts),
    async present(cookie, code) {
      const session = await readSession(cookie, parts);
      if (isRefusal(session)) return session;
      if (!codes.take(session.person.id)) return refuse('rate_limited', 'too many codes were tried');
      return present(session, code, parts);
    },
  };
}

async function enrol(cookie: string, parts: PresenceParts): Promise<{ uri: Secret; secret: Secret } | Refusal> {
  const session = await readSession(cookie, parts);
  if (isRefusal(session)) return session;
  const { person } = session;
  const refused = mayEnrol(session, parts.time.now());
  if (refused !== undefined) return refused;
  const secret = newAuthenticatorSecret(parts.random);
  const sealed = seal(secret, sealedFor(person.id), parts.keys.sealing, parts.random);
  const saved = await transact(parts, (tx) => savePendingAuthenticator(tx, person.id, sealed));
  return isRefusal(saved) ? saved : enrolmentOf(secret, person.name, new URL(parts.issuer).host);
}

/** A first proof of presence comes soon after the sign-in; each further one needs one that is there. */
export function mayEnrol({ person, present_until, signed_in_at }: StoredSession, now: number): Refusal | undefined {
  const first = person.authenticator === null && person.passkeys === 0;
  if (!first && (present_until ?? 0) <= now) {
    return refuse('presence_required', 'another authenticator or passkey is enrolled with one that is there');
  }
  if (first && now - signed_in_at > ENROL_MS_MAX) {
    const sentence = 'Sign in again, then enrol.';
    return refuse('presence_required', 'the session is too old to enrol the first of its kind', { public: sentence });
  }
  return undefined;
}

/** Somebody is there, for a few minutes; by what, stands in the log. */
export async function showPresence(
  tx: Transaction,
  session: StoredSession,
  how: 'passkey' | 'company',
  { record }: Pick<ChangeParts, 'record'>,
): Promise<Session> {
  const present_until = (await tx.now()) + PRESENCE_MS_MAX;
  await savePresence(tx, session.id, present_until);
  const by = `person:${session.person.id}`;
  const said = { event: 'person.present', by, subject: session.person.id, before: null, after: null } as const;
  await record(tx, { ...said, payload: { how } });
  return sessionOf({ ...session, present_until });
}

function present(session: StoredSession, code: string, parts: PresenceParts): Promise<Session | Refusal> {
  return transact<Session>(parts, async (tx) => {
    const now = await tx.now();
    const how = await accept(tx, session.person, code, now, parts);
    if (isRefusal(how)) return how;
    const present_until = now + PRESENCE_MS_MAX;
    await savePresence(tx, session.id, present_until);
    const by = `person:${session.person.id}`;
    await parts.record(tx, { event: how, by, subject: session.person.id, before: null, after: null });
    const person = { ...session.person, authenticator: session.person.authenticator ?? 'enrolled' };
    return sessionOf({ ...session, person, present_until });
  });
}

/** The first good code of a pending authenticator completes it; else the code is the enrolled one's. */
async function accept(
  tx: Transaction,
  person: StoredPerson,
  code: string,
  now: number,
  { keys, report }: PresenceParts,
): Promise<'person.enrol' | 'person.present' | Refusal> {
  const { id, authenticator, authenticator_pending } = person;
  const stepFor = (sealed: string): number | undefined => {
    try {
      return stepOf(code, unseal(sealed, sealedFor(id), keys.sealing), now);
    } catch (error) {
      report(`the authenticator of ${id} is sealed with another key, or was changed`, error);
      return undefined;
    }
  };
  const pending = authenticator_pending === null ? undefined : stepFor(authenticator_pending);
  if (pending !== undefined && (await completeAuthenticator(tx, id, authenticator_pending!, pending)))
    return 'person.enrol';
  if (authenticator === null) {
    return refuse(
      authenticator_pending === null ? 'presence_required' : 'presence_failed',
      'no authenticator took the code',
    );
  }
  const step = stepFor(authenticator);
  if (step === undefined) return refuse('presence_failed', 'the code is of no step in the window');
  if (!(await takeStep(tx, id, step)))
    return refuse('presence_failed', 'the code was used before (RFC 6238, section 5.2)');
  return 'person.present';
}
