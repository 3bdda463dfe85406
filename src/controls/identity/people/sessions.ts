import type { Random } from '../../../core/clock.ts';
import { type Refusal, refuse } from '../../../core/refusal.ts';
import { Secret } from '../../../core/secret.ts';
import type { Database, Transaction } from '../../../storage/index.ts';
import type { ChangeParts } from '../change.ts';
import type { Session, SignedIn } from '../contract.ts';
import { hashSecret } from '../digest.ts';
import type { Time } from '../time.ts';
import { insertSession, loadSession, type StoredPerson, type StoredSession, touchSession } from './store.ts';

export const SESSION_IDLE_MS_MAX = 60 * 60_000;
const SESSION_MS_MAX = 12 * 60 * 60_000;
/** How exactly the last use is kept. */
const TOUCH_MS = 60_000;
/** 32 bytes in base64url. */
const COOKIE = /^[A-Za-z0-9_-]{43}$/;

export type SessionParts = {
  db: Database;
  time: Time;
  random: Random;
  report: (problem: string, error: unknown) => void;
};

/** The id exists in the browser's cookie; here only its hash, so that a copy of the database opens no session. */
export async function openSession(
  tx: Transaction,
  person: StoredPerson,
  { random }: SessionParts,
  ms_max: number = SESSION_MS_MAX,
): Promise<SignedIn> {
  const cookie = Buffer.from(random(32)).toString('base64url');
  const signed_in_at = await tx.now();
  const ends_at = signed_in_at + Math.min(ms_max, SESSION_MS_MAX);
  const id = hashSecret(cookie);
  await insertSession(tx, { id, person: person.id, signed_in_at, ends_at });
  const stored = { id, person, signed_in_at, used_at: signed_in_at, ends_at, present_until: null };
  return { cookie: new Secret(cookie), session: sessionOf(stored) };
}

export async function readSession(cookie: string, parts: SessionParts): Promise<StoredSession | Refusal> {
  const stored = COOKIE.test(cookie) ? await loadSession(parts.db, hashSecret(cookie)) : undefined;
  const now = parts.time.now();
  if (stored === undefined || stored.ends_at <= now || stored.used_at + SESSION_IDLE_MS_MAX <= now) {
    return refuse('sign_in_required', stored === undefined ? 'no session of this id' : 'the session has expired');
  }
  if (now - stored.used_at >= TOUCH_MS) {
    touchSession(parts.db, stored.id, now).catch((error: unknown) =>
      parts.report('a session’s last use could not be kept', error),
    );
    stored.used_at = now;
  }
  return stored;
}

export function sessionOf(stored: StoredSession): Session {
  const { person, signed_in_at, used_at, ends_at, present_until } = stored;
  return {
    person: { id: person.id, name: person.name, roles: person.roles },
    authenticator: person.authenticator !== null,
    passkeys: person.passkeys,
    company: person.subject !== null,
    present_until,
    signed_in_at,
    expires_at: Math.min(ends_at, used_at + SESSION_IDLE_MS_MAX),
  };
}

export async function startSession(
  tx: Transaction,
  person: StoredPerson,
  parts: SessionParts & Pick<ChangeParts, 'record'>,
  ms_max?: number,
): Promise<SignedIn> {
  const by = `person:${person.id}`;
  await parts.record(tx, { event: 'person.sign_in', by, subject: person.id, before: null, after: null });
  return openSession(tx, person, parts, ms_max);
}
