import type { Clock } from '../../../core/clock.ts';
import type { Documents } from '../../../core/document.ts';
import { newId } from '../../../core/ids.ts';
import { ROLES, type Role } from '../../../core/person.ts';
import { isRefusal, type Refusal, refuse } from '../../../core/refusal.ts';
import type { Secret } from '../../../core/secret.ts';
import type { Transaction } from '../../../storage/index.ts';
import { transact } from '../change.ts';
import type { Session, SignedIn } from '../contract.ts';
import { digestOf } from '../digest.ts';
import type { RateLimit } from '../rate-limits.ts';
import { sourceOf } from '../rate-limits.ts';
import { type Answered, type Asked, type Claims, type Company, openCompany } from './company.ts';
import type { OidcSettings, PeopleSettings } from './contract.ts';
import { beginFlow, endFlow } from './flow.ts';
import { isPersonName, keyOf } from './names.ts';
import type { PeopleParts } from './parts.ts';
import { showPresence } from './presence.ts';
import { checkSeparation } from './separation.ts';
import { readSession, startSession } from './sessions.ts';
import { findBySubject, insertPerson, type StoredPerson, saveCompanyPerson, saveRoles } from './store.ts';

export type CompanyPerson = { subject: string; name: string; roles: readonly Role[] };

export type CompanySignInParts = PeopleParts & {
  clock: Clock;
  documents: Documents;
  settings: PeopleSettings;
  attempts: RateLimit;
};

export interface CompanySignIn {
  begin(source: string): Promise<{ url: string; flow: Secret } | Refusal>;
  complete(returned: { query: string; flow: string | undefined; source: string }): Promise<SignedIn | Refusal>;
  /** Presence: the provider asks for the person anew. */
  beginPresence(cookie: string): Promise<{ url: string; flow: Secret } | Refusal>;
  completePresence(cookie: string, returned: { query: string; flow: string | undefined }): Promise<Session | Refusal>;
}

export function openCompanySignIn(parts: CompanySignInParts): CompanySignIn {
  const { oidc, console_url } = parts.settings;
  if (oidc === undefined) {
    const none = async (): Promise<Refusal> => refuse('not_found', 'no OpenID provider is configured');
    return { begin: none, complete: none, beginPresence: none, completePresence: none };
  }
  const inner = { ...parts, oidc, company: openCompany({ ...parts, oidc, console_url }) };
  const limited = (source: string): Refusal | undefined =>
    parts.attempts.take(sourceOf(source)) ? undefined : refuse('rate_limited', `too many sign-ins from ${source}`);
  return {
    begin: async (source) => limited(source) ?? begin('sign-in', {}, inner),
    complete: async (returned) => limited(returned.source) ?? complete(returned, inner),
    async beginPresence(cookie) {
      const session = await readSession(cookie, parts);
      return isRefusal(session) ? session : begin('presence', { session: session.id }, inner);
    },
    completePresence: (cookie, returned) => completePresence(cookie, returned, inner),
  };
}

type Inner = CompanySignInParts & { oidc: OidcSettings; company: Company };

async function begin(
  kind: 'sign-in' | 'presence',
  more: Record<string, string>,
  parts: Inner,
): Promise<{ url: string; flow: Secret } | Refusal> {
  const begun = await parts.company.ask(kind === 'presence');
  if (isRefusal(begun)) return begun;
  return { url: begun.url, flow: beginFlow(`company ${kind}`, { ...begun.asked, ...more }, parts) };
}

async function complete(
  { query, flow }: { query: string; flow: string | undefined },
  parts: Inner,
): Promise<SignedIn | Refusal> {
  const asked = await endFlow('company sign-in', flow, parts);
  if (isRefusal(asked)) return asked;
  const answered = await parts.company.answer(query, asked as Asked);
  const person = isRefusal(answered) ? answered : personOf(answered.claims, parts.oidc);
  if (isRefusal(person)) return failed(person, parts);
  const signed = await transact<SignedIn | { refused: Refusal }>(parts, async (tx) => {
    await tx.lock('identity.people');
    const found = await findBySubject(tx, person.subject);
    const refused = refusalOf(person, parts);
    if (refused !== undefined) {
      if (found !== undefined) await takeRoles(tx, found, parts);
      return { refused };
    }
    const stored = found === undefined ? await add(tx, person, parts) : await update(tx, found, person, parts);
    return isRefusal(stored) ? stored : startSession(tx, stored, parts, parts.oidc.session_minutes_max * 60_000);
  });
  if (isRefusal(signed)) return signed;
  if ('refused' in signed) return failed(signed.refused, parts);
  if (!isRefusal(answered)) await keepIdToken(signed, answered, parts);
  return signed;
}

/** Servers whose tokens are got by what the company says of a user need its word; without such, it is not kept. */
async function keepIdToken({ session }: SignedIn, { id_token }: Answered, { id_tokens, report }: Inner): Promise<void> {
  if (!id_tokens.wanted()) return;
  const refused = await id_tokens.keep(session.person.id, id_token);
  if (refused !== undefined) report('the ID token of a sign-in was not kept', refused);
}

async function failed(refusal: Refusal, parts: Inner): Promise<Refusal> {
  await transact(parts, async (tx) => {
    const payload = { code: refusal.code };
    const said = { event: 'person.sign_in_failed', by: 'gateway', subject: null, before: null, after: null } as const;
    await parts.record(tx, { ...said, payload });
    return undefined;
  });
  return refusal;
}

/** Whoever is in none of the groups is nobody here; whoever is in too many has to choose. */
function refusalOf({ name, roles }: CompanyPerson, { settings }: Inner): Refusal | undefined {
  if (roles.length === 0) return refuse('sign_in_without_role', `${name} is in no group that has a role`);
  return checkSeparation(roles, settings.separation);
}

/** Taken out of the groups: what they were ends now, in all of their sessions. */
async function takeRoles(tx: Transaction, person: StoredPerson, { record }: Inner): Promise<void> {
  await saveRoles(tx, person.id, []);
  if (person.roles.length === 0) return;
  const before = digestOf({ id: person.id, roles: person.roles });
  const after = digestOf({ id: person.id, roles: [] });
  await record(tx, {
    event: 'person.change',
    by: 'gateway',
    subject: person.id,
    before,
    after,
    payload: { roles: [] },
  });
}

async function add(tx: Transaction, person: CompanyPerson, parts: Inner): Promise<StoredPerson | Refusal> {
  const { name, roles, subject } = person;
  const id = newId('usr', parts.random);
  const added_at = await tx.now();
  const row = { id, name, name_key: keyOf(name), roles, password: '', added_at, subject };
  if (!(await insertPerson(tx, row))) {
    return refuse('already_exists', 'another account has this name; an admin can remove it');
  }
  const after = digestOf({ id, roles });
  const payload = { name, roles: [...roles] };
  await parts.record(tx, { event: 'person.add', by: 'gateway', subject: id, before: null, after, payload });
  return (await findBySubject(tx, subject))!;
}

async function update(
  tx: Transaction,
  found: StoredPerson,
  { name, roles }: CompanyPerson,
  parts: Inner,
): Promise<StoredPerson | Refusal> {
  const same = ROLES.every((role) => roles.includes(role) === found.roles.includes(role));
  if (!(await saveCompanyPerson(tx, found.id, { name, name_key: keyOf(name) }))) {
    return refuse('already_exists', 'another account has the name that this person has now');
  }
  if (!same) {
    await saveRoles(tx, found.id, roles);
    const before = digestOf({ id: found.id, roles: found.roles });
    const after = digestOf({ id: found.id, roles });
    const payload = { roles: [...roles] };
    await parts.record(tx, { event: 'person.change', by: 'gateway', subject: found.id, before, after, payload });
  }
  return { ...found, name, roles };
}

/** By issuer and subject, never by a name or an address of mail, which a provider may give to somebody else later. */
function personOf(claims: Claims, oidc: OidcSettings): CompanyPerson | Refusal {
  const subject = digestOf({ issuer: oidc.issuer, subject: claims.sub });
  const given = claims[oidc.name_claim];
  const name = typeof given === 'string' ? given.normalize('NFKC').trim() : '';
  if (!isPersonName(name)) return refuse('sign_in_unnamed', `the claim ${oidc.name_claim} is missing, or is no name`);
  if (oidc.name_claim === 'email' && claims['email_verified'] === false) {
    return refuse('sign_in_unverified', 'the provider has not verified the address of mail');
  }
  const groups = claims[oidc.groups_claim];
  const listed = (Array.isArray(groups) ? groups : [groups]).filter((group) => typeof group === 'string');
  const held = listed.flatMap((group) => (Object.hasOwn(oidc.roles, group) ? oidc.roles[group]! : []));
  return { subject, name, roles: ROLES.filter((role) => held.includes(role)) };
}

async function completePresence(
  cookie: string,
  { query, flow }: { query: string; flow: string | undefined },
  parts: Inner,
): Promise<Session | Refusal> {
  const session = await readSession(cookie, parts);
  if (isRefusal(session)) return session;
  const asked = await endFlow('company presence', flow, parts);
  if (isRefusal(asked)) return asked;
  if (asked['session'] !== session.id) return refuse('sign_in_lost', 'this was begun in another session');
  const answered = await parts.company.answer(query, asked as Asked);
  if (isRefusal(answered)) return answered;
  const subject = digestOf({ issuer: parts.oidc.issuer, subject: answered.claims.sub });
  return transact<Session>(parts, async (tx) => {
    if (session.person.subject !== subject) return refuse('presence_failed', 'somebody else came back');
    return showPresence(tx, session, 'company', parts);
  });
}
