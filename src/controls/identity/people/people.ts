import { newId } from '../../../core/ids.ts';
import { ROLES, type Role } from '../../../core/person.ts';
import { isRefusal, type Refusal, refuse } from '../../../core/refusal.ts';
import { Secret } from '../../../core/secret.ts';
import type { Transaction } from '../../../storage/index.ts';
import { endGrantsOf } from '../authorization/end-grant.ts';
import { change, transact } from '../change.ts';
import type { People, SignedIn } from '../contract.ts';
import { digestOf, hashSecret } from '../digest.ts';
import { RateLimit, sourceOf } from '../rate-limits.ts';
import { endWithin } from '../runs.ts';
import { openRunsOf } from '../store/runs.ts';
import { openCompanySignIn } from './company-sign-in.ts';
import { isPersonName, keyOf } from './names.ts';
import type { PeopleParts } from './parts.ts';
import { openPasskeys } from './passkeys.ts';
import { openPasswords, PASSWORD_CHARS_MAX, type Passwords, passwordProblem } from './password.ts';
import { openPresence } from './presence.ts';
import { checkSeparation } from './separation.ts';
import { readSession, sessionOf, startSession } from './sessions.ts';
import {
  deletePerson,
  deleteSession,
  findPassword,
  holdsSetupLink,
  insertPerson,
  insertSetupLink,
  listPeople,
  loadPerson,
  saveRoles,
  takeSetupLink,
} from './store.ts';

const LINK_MS_MAX = 10 * 60_000;
/** Who may change who the others are; there is always one. */
const ADMIN: Role = 'admin';
/** A guesser from one place; guessers of one account from many; and everything from one place. */
const GUESSES = { burst: 5, per_second: 1 / 20 };
const ACCOUNT_GUESSES = { burst: 50, per_second: 1 / 5 };
const SOURCE_ATTEMPTS = { burst: 20, per_second: 1 / 6 };

type Limits = { guesses: RateLimit; account: RateLimit; source: RateLimit };
type Inner = PeopleParts & { passwords: Passwords; limits: Limits };

export function openPeople(parts: PeopleParts): People {
  const monotonic = (): number => parts.clock.monotonic();
  const limits = {
    guesses: new RateLimit(GUESSES, monotonic),
    account: new RateLimit(ACCOUNT_GUESSES, monotonic),
    source: new RateLimit(SOURCE_ATTEMPTS, monotonic),
  };
  const attempts = new RateLimit(SOURCE_ATTEMPTS, monotonic);
  const inner: Inner = { ...parts, passwords: openPasswords(parts.random), limits };
  const presence = openPresence(parts);
  return {
    passkeys: openPasskeys({ ...parts, attempts }),
    company: openCompanySignIn({ ...parts, attempts }),
    companyName: parts.settings.oidc?.name,
    setupLink: (link) => setupLink(link, inner),
    redeemSetup: (account) => redeemSetup(account, inner),
    signIn: (account) => signIn(account, inner),
    async session(cookie) {
      const stored = await readSession(cookie, parts);
      return isRefusal(stored) ? stored : sessionOf(stored);
    },
    signOut: (cookie) => signOut(cookie, inner),
    enrol: (cookie) => presence.enrol(cookie),
    present: (cookie, code) => presence.present(cookie, code),
    async list() {
      const people = await listPeople(parts.db);
      return people.map(({ id, name, roles, added_at, authenticator, passkeys, subject }) => {
        return {
          id,
          name,
          roles,
          added_at,
          authenticator: authenticator !== null,
          passkeys,
          company: subject !== null,
        };
      });
    },
    changeRoles: (id, roles, by) => changePerson(id, { roles }, by, inner),
    remove: (id, by) => changePerson(id, 'remove', by, inner),
  };
}

async function setupLink(
  { roles, by }: { roles: readonly Role[]; by: string },
  { random, record, settings, ...parts }: Inner,
): Promise<{ secret: Secret; expires_at: number } | Refusal> {
  if (roles.length === 0 || roles.some((role) => !ROLES.includes(role))) {
    return refuse('input_invalid', 'a person has at least one role of those that exist');
  }
  const separated = checkSeparation(roles, settings.separation);
  if (separated !== undefined) return separated;
  const secret = Buffer.from(random(32)).toString('base64url');
  const id = hashSecret(secret);
  const expires_at = await transact(parts, async (tx) => {
    const expires_at = (await tx.now()) + LINK_MS_MAX;
    await insertSetupLink(tx, { id, roles, made_by: by, expires_at });
    const after = digestOf({ roles, expires_at });
    await record(tx, { event: 'person.setup', by, subject: null, before: null, after, payload: { roles: [...roles] } });
    return expires_at;
  });
  return isRefusal(expires_at) ? expires_at : { secret: new Secret(secret), expires_at };
}

async function redeemSetup(
  account: { secret: string; name: string; password: string; source: string },
  parts: Inner,
): Promise<SignedIn | Refusal> {
  if (!parts.limits.source.take(sourceOf(account.source))) return refuse('rate_limited', 'too many from one source');
  const link = hashSecret(account.secret);
  const unknown = refuse('setup_link_invalid', 'no set-up link of this hash is open');
  // Before the password is hashed: a stranger makes no work.
  if (!(await holdsSetupLink(parts.db, link, parts.time.now()))) return unknown;
  const name = account.name.normalize('NFKC').trim();
  const problem = isPersonName(name)
    ? passwordProblem(account.password, name)
    : 'A name has 1 to 64 letters, digits, spaces or .@_-';
  if (problem !== undefined) return refuse('input_invalid', problem, { public: problem });
  const password = await parts.passwords.hash(account.password);
  if (password === undefined) return refuse('rate_limited', 'too many passwords are being hashed');
  return transact<SignedIn>(parts, async (tx) => {
    const added_at = await tx.now();
    const taken = await takeSetupLink(tx, link, added_at);
    if (taken === undefined) return unknown;
    const id = newId('usr', parts.random);
    const { roles, made_by } = taken;
    const separated = checkSeparation(roles, parts.settings.separation);
    if (separated !== undefined) return separated;
    if (!(await insertPerson(tx, { id, name, name_key: keyOf(name), roles, password, added_at, subject: null }))) {
      return refuse('already_exists', 'the name is taken');
    }
    const after = digestOf({ id, roles });
    const payload = { name, roles: [...roles] };
    await parts.record(tx, { event: 'person.add', by: made_by, subject: id, before: null, after, payload });
    const none = { authenticator: null, authenticator_pending: null, subject: null, passkeys: 0 };
    const person = { id, name, roles, added_at, ...none };
    return startSession(tx, person, parts);
  });
}

async function signIn(
  account: { name: string; password: string; source: string },
  parts: Inner,
): Promise<SignedIn | Refusal> {
  const name_key = keyOf(account.name).slice(0, 128);
  const source = sourceOf(account.source);
  if (!allowed(name_key, source, parts.limits)) return refuse('rate_limited', `too many sign-ins from ${source}`);
  const found = await findPassword(parts.db, name_key);
  // No stored password is longer or empty; a longer one is not worth normalising.
  const password = account.password.length > 2 * PASSWORD_CHARS_MAX ? '' : account.password;
  const right = await parts.passwords.verify(password, found?.password);
  if (right === 'busy') return refuse('rate_limited', 'too many passwords are being verified');
  const signed = await transact<SignedIn | undefined>(parts, async (tx) => {
    if (right && found !== undefined) {
      return checkSeparation(found.person.roles, parts.settings.separation) ?? startSession(tx, found.person, parts);
    }
    const subject = found?.person.id ?? null;
    await parts.record(tx, { event: 'person.sign_in_failed', by: 'gateway', subject, before: null, after: null });
    return undefined;
  });
  return signed ?? refuse('sign_in_failed', 'unknown name or wrong password');
}

/** All are asked, so that an attempt counts against each. */
function allowed(name_key: string, source: string, limits: Limits): boolean {
  const bySource = limits.source.take(source);
  return bySource && limits.guesses.take(`${source} ${name_key}`) && limits.account.take(name_key);
}

async function signOut(cookie: string, parts: Inner): Promise<void> {
  const done = await transact<undefined>(parts, async (tx) => {
    const person = await deleteSession(tx, hashSecret(cookie));
    if (person === undefined) return undefined;
    const by = `person:${person}`;
    await parts.record(tx, { event: 'person.sign_out', by, subject: person, before: null, after: null });
    return undefined;
  });
  if (isRefusal(done)) parts.report('a session could not be ended', done.reason);
}

/** One at a time, so that two admins cannot remove each other at once. */
function changePerson(
  id: string,
  to: { roles: readonly Role[] } | 'remove',
  by: string,
  parts: Inner,
): Promise<Refusal | undefined> {
  const work = async (tx: Transaction): Promise<Refusal | undefined> => {
    await tx.lock('identity.people');
    const person = await loadPerson(tx, id);
    if (person === undefined) return refuse('not_found', `there is no person ${id}`);
    const roles = to === 'remove' ? [] : to.roles;
    if (to !== 'remove' && (roles.length === 0 || roles.some((role) => !ROLES.includes(role)))) {
      return refuse('input_invalid', 'a person has at least one role of those that exist');
    }
    if (to !== 'remove' && person.subject !== null) {
      const problem = 'The groups of the company say what this person may do.';
      return refuse('input_invalid', problem, { public: problem });
    }
    const separated = checkSeparation(roles, parts.settings.separation);
    if (separated !== undefined) return separated;
    const others = (await listPeople(tx)).filter((other) => other.id !== id);
    if (!roles.includes(ADMIN) && !others.some((other) => other.roles.includes(ADMIN))) {
      const problem = 'Somebody has to stay admin.';
      return refuse('input_invalid', problem, { public: problem });
    }
    const before = digestOf({ id, roles: person.roles });
    const after = to === 'remove' ? null : digestOf({ id, roles });
    if (to === 'remove') await forget(tx, id, by, parts);
    else await saveRoles(tx, id, roles);
    const event = to === 'remove' ? 'person.remove' : 'person.change';
    await parts.record(tx, { event, by, subject: id, before, after, payload: { roles: [...roles] } });
    return undefined;
  };
  return to === 'remove' ? change<undefined>(parts, work) : transact<undefined>(parts, work);
}

/** With whatever acts in their name: what clients may do for them, and every run, whoever opened it. */
async function forget(tx: Transaction, id: string, by: string, parts: Inner): Promise<void> {
  const when = { by, now: await tx.now() };
  await endGrantsOf(tx, id, when, parts);
  for (const run of await openRunsOf(tx, { kind: 'user', id }, when.now)) await endWithin(tx, run, when, parts);
  await deletePerson(tx, id);
}
