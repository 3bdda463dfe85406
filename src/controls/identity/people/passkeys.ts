import type { Clock } from '../../../core/clock.ts';
import { isRefusal, type Refusal, refuse } from '../../../core/refusal.ts';
import type { Secret } from '../../../core/secret.ts';
import { transact } from '../change.ts';
import type { Session, SignedIn } from '../contract.ts';
import { type RateLimit, sourceOf } from '../rate-limits.ts';
import type { Begun, PasskeyAnswer, PasskeyEntry, PasskeyQuestion, PeopleSettings } from './contract.ts';
import { beginFlow, endFlow } from './flow.ts';
import type { PeopleParts } from './parts.ts';
import {
  deletePasskey,
  findPasskey,
  insertPasskey,
  listPasskeys,
  type StoredPasskey,
  saveUse,
} from './passkey-store.ts';
import { mayEnrol, showPresence } from './presence.ts';
import { checkSeparation } from './separation.ts';
import { readSession, sessionOf, startSession } from './sessions.ts';
import { loadPerson, type StoredSession } from './store.ts';
import {
  creationQuestion,
  presenceQuestion,
  type RelyingParty,
  readAuthentication,
  readRegistration,
  relyingParty,
} from './webauthn.ts';

const PASSKEYS_MAX = 16;
const NAME = /^[\p{L}\p{N}][\p{L}\p{N}\p{M} .,'’()@+_-]{0,63}$/u;

export type PasskeyParts = PeopleParts & { clock: Clock; settings: PeopleSettings; attempts: RateLimit };
type Asked = Promise<Begun<{ question: PasskeyQuestion }> | Refusal>;
type Answered = { answer: PasskeyAnswer; flow: string | undefined };

export interface Passkeys {
  /** The one origin at which they work; undefined where there can be none. */
  origin(): string | undefined;
  list(cookie: string): Promise<readonly PasskeyEntry[] | Refusal>;
  beginAdd(cookie: string): Asked;
  add(cookie: string, given: Answered & { name: string }): Promise<Session | Refusal>;
  remove(cookie: string, id: string): Promise<Session | Refusal>;
  beginSignIn(source: string): Asked;
  signIn(given: Answered & { source: string }): Promise<SignedIn | Refusal>;
  beginPresence(cookie: string): Asked;
  present(cookie: string, given: Answered): Promise<Session | Refusal>;
}

/** Passkeys (WebAuthn Level 3): to sign in without a name, and to show presence. Both verify the person, not the device alone. */
export function openPasskeys(parts: PasskeyParts): Passkeys {
  const party = (): RelyingParty | undefined => relyingParty(parts.settings.console_url());
  const limited = (source: string): Refusal | undefined =>
    parts.attempts.take(sourceOf(source)) ? undefined : refuse('rate_limited', `too many sign-ins from ${source}`);
  return {
    origin: () => party()?.origin,
    async list(cookie) {
      const session = await readSession(cookie, parts);
      if (isRefusal(session)) return session;
      return (await listPasskeys(parts.db, session.person.id)).map(entryOf);
    },
    beginAdd: (cookie) => beginAdd(cookie, party(), parts),
    add: (cookie, given) => add(cookie, given, party(), parts),
    remove: (cookie, id) => remove(cookie, id, parts),
    async beginSignIn(source) {
      const refused = limited(source);
      return refused ?? question('sign-in', {}, party(), [], parts);
    },
    async signIn(given) {
      return limited(given.source) ?? signIn(given, party(), parts);
    },
    beginPresence: (cookie) => beginPresence(cookie, party(), parts),
    present: (cookie, given) => present(cookie, given, party(), parts),
  };
}

function entryOf({ id, name, added_at, used_at, synced }: StoredPasskey): PasskeyEntry {
  return { id, name, added_at, used_at, synced };
}

function nowhere(): Refusal {
  const sentence = 'Passkeys need the console at a domain with https, or at localhost.';
  return refuse('passkey_refused', 'the address of the console has no domain', { public: sentence });
}

function question(
  kind: 'sign-in' | 'presence',
  more: Record<string, string>,
  party: RelyingParty | undefined,
  held: readonly string[],
  parts: PasskeyParts,
): Begun<{ question: PasskeyQuestion }> | Refusal {
  if (party === undefined) return nowhere();
  const challenge = Buffer.from(parts.random(32)).toString('base64url');
  const flow: Secret = beginFlow(`passkey ${kind}`, { challenge, ...more }, parts);
  return { flow, question: presenceQuestion(challenge, party, held) };
}

async function beginAdd(cookie: string, party: RelyingParty | undefined, parts: PasskeyParts): Asked {
  const session = await readSession(cookie, parts);
  if (isRefusal(session)) return session;
  if (party === undefined) return nowhere();
  const refused = mayEnrol(session, parts.time.now());
  if (refused !== undefined) return refused;
  const { person } = session;
  const held = (await listPasskeys(parts.db, person.id)).map(({ id }) => id);
  const challenge = Buffer.from(parts.random(32)).toString('base64url');
  const flow = beginFlow('passkey add', { challenge, session: session.id }, parts);
  return { flow, question: creationQuestion(person, challenge, party, held) };
}

async function add(
  cookie: string,
  { answer, flow, name }: Answered & { name: string },
  party: RelyingParty | undefined,
  parts: PasskeyParts,
): Promise<Session | Refusal> {
  const session = await readSession(cookie, parts);
  if (isRefusal(session)) return session;
  if (party === undefined) return nowhere();
  const refused = mayEnrol(session, parts.time.now());
  if (refused !== undefined) return refused;
  const named = name.normalize('NFKC').trim();
  if (!NAME.test(named)) return refuse('input_invalid', 'a passkey has a name of 1 to 64 letters and digits');
  const asked = await endFlow('passkey add', flow, parts);
  if (isRefusal(asked)) return asked;
  if (asked['session'] !== session.id) return refuse('sign_in_lost', 'this was begun in another session');
  const read = await readRegistration(answer, asked['challenge']!, party);
  if (isRefusal(read)) return read;
  return transact<Session>(parts, async (tx) => {
    const person = session.person.id;
    await tx.lock(`identity.passkeys.${person}`);
    if ((await listPasskeys(tx, person)).length >= PASSKEYS_MAX) {
      return refuse('input_invalid', `a person has at most ${PASSKEYS_MAX} passkeys`);
    }
    const added_at = await tx.now();
    if (!(await insertPasskey(tx, { ...read, person, name: named, added_at }))) {
      return refuse('already_exists', 'this passkey is enrolled');
    }
    const passkeys = session.person.passkeys + 1;
    const by = `person:${person}`;
    // Whoever enrols was verified by the new passkey itself.
    await parts.record(tx, { event: 'person.enrol', by, subject: person, before: null, after: null });
    return sessionOf({ ...session, person: { ...session.person, passkeys } });
  });
}

async function remove(cookie: string, id: string, parts: PasskeyParts): Promise<Session | Refusal> {
  const session = await readSession(cookie, parts);
  if (isRefusal(session)) return session;
  return transact<Session>(parts, async (tx) => {
    const { person } = session;
    if (!(await deletePasskey(tx, id, person.id))) return refuse('not_found', 'you have no such passkey');
    const by = `person:${person.id}`;
    await parts.record(tx, { event: 'person.change', by, subject: person.id, before: null, after: null });
    return sessionOf({ ...session, person: { ...person, passkeys: person.passkeys - 1 } });
  });
}

async function signIn(
  { answer, flow }: Answered,
  party: RelyingParty | undefined,
  parts: PasskeyParts,
): Promise<SignedIn | Refusal> {
  const passkey = await proven('sign-in', { answer, flow }, party, parts);
  if (isRefusal(passkey)) return failed(passkey, parts);
  return transact<SignedIn>(parts, async (tx) => {
    const person = await loadPerson(tx, passkey.person);
    if (person === undefined) return refuse('passkey_refused', 'its person was removed');
    // The company says at each sign-in what its people may; a passkey cannot ask it.
    if (person.subject !== null) {
      const sentence = 'Sign in through your company; the passkey shows your presence afterwards.';
      return refuse('passkey_refused', 'a person of the company signs in there', { public: sentence });
    }
    const separated = checkSeparation(person.roles, parts.settings.separation);
    if (separated !== undefined) return separated;
    if (!(await saveUse(tx, passkey.id, passkey.counter, await tx.now()))) return cloned();
    return startSession(tx, person, parts);
  });
}

async function failed(refusal: Refusal, parts: PasskeyParts): Promise<Refusal> {
  await transact(parts, async (tx) => {
    await parts.record(tx, {
      event: 'person.sign_in_failed',
      by: 'gateway',
      subject: null,
      before: null,
      after: null,
      payload: { code: refusal.code },
    });
    return undefined;
  });
  return refusal;
}

function cloned(): Refusal {
  return refuse(
    'passkey_refused',
    'the counter did not rise: there may be two of this passkey (WebAuthn, section 6.1.1)',
  );
}

/** The passkey that signed, with its counter as it is now. */
async function proven(
  kind: 'sign-in' | 'presence',
  { answer, flow }: Answered,
  party: RelyingParty | undefined,
  parts: PasskeyParts,
  session?: StoredSession,
): Promise<StoredPasskey | Refusal> {
  if (party === undefined) return nowhere();
  const asked = await endFlow(`passkey ${kind}`, flow, parts);
  if (isRefusal(asked)) return asked;
  if (asked['session'] !== session?.id) return refuse('sign_in_lost', 'this was begun in another session');
  const id = typeof answer['id'] === 'string' ? answer['id'].slice(0, 2_048) : '';
  const passkey = await findPasskey(parts.db, id);
  if (passkey === undefined || (session !== undefined && passkey.person !== session.person.id)) {
    return refuse('passkey_refused', 'nobody here has this passkey');
  }
  const read = await readAuthentication(answer, asked['challenge']!, party, passkey);
  return isRefusal(read) ? read : { ...passkey, counter: read.counter };
}

async function beginPresence(cookie: string, party: RelyingParty | undefined, parts: PasskeyParts): Asked {
  const session = await readSession(cookie, parts);
  if (isRefusal(session)) return session;
  const held = (await listPasskeys(parts.db, session.person.id)).map(({ id }) => id);
  if (held.length === 0) return refuse('presence_required', 'no passkey is enrolled');
  return question('presence', { session: session.id }, party, held, parts);
}

async function present(
  cookie: string,
  given: Answered,
  party: RelyingParty | undefined,
  parts: PasskeyParts,
): Promise<Session | Refusal> {
  const session = await readSession(cookie, parts);
  if (isRefusal(session)) return session;
  const passkey = await proven('presence', given, party, parts, session);
  if (isRefusal(passkey)) return passkey;
  return transact<Session>(parts, async (tx) => {
    if (!(await saveUse(tx, passkey.id, passkey.counter, await tx.now()))) return cloned();
    return showPresence(tx, session, 'passkey', parts);
  });
}
