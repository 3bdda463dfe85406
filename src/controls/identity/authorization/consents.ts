import { generateKeyPairSync, hash } from 'node:crypto';
import type { OidcClient, Provider, Grant as ProviderGrant } from 'oidc-provider/lib/provider.js';
import { LOWEST_LABEL } from '../../../core/label.ts';
import type { Person } from '../../../core/person.ts';
import { isRefusal, type Refusal, refuse } from '../../../core/refusal.ts';
import { type ChangeParts, change } from '../change.ts';
import { digestOf, hashSecret } from '../digest.ts';
import { type PublicJwk, readPublicJwk, thumbprintOf } from '../jwk.ts';
import { RateLimit } from '../rate-limits.ts';
import { insertAgent, noteRegistration } from '../store/agents.ts';
import type { AuthorizationServerParts, ConsentQuestion, Consents, GrantEntry, Verdict } from './contract.ts';
import { endGrant } from './end-grant.ts';
import { ANY_JOB_SCOPE, PATHS, SECONDS_MAX } from './settings.ts';
import { isDocument, jobsFor } from './sign-in-rules.ts';
import {
  decideDevice,
  findArtefact,
  findByUserCode,
  insertGrant,
  listGrants,
  loadGrant,
  type StoredArtefact,
  saveAgentJobs,
} from './store.ts';

const LOOPBACK: ReadonlySet<string> = new Set(['127.0.0.1', 'localhost', '[::1]']);
const NAME_CHARS_MAX = 80;
const HOST_CHARS_MAX = 48;
const LISTED_MAX = 500;
/** User codes are short enough to type, so nobody gets to try many (RFC 8628, section 5.1). */
const CODES = { burst: 10, per_second: 1 / 10 };

export type ConsentParts = AuthorizationServerParts & ChangeParts & { provider: () => Provider };

/** What a client wants, read from where it waits. */
type Asked = {
  flow: ConsentQuestion['flow'];
  client: OidcClient;
  resource: string;
  scopes: readonly string[];
  returns_to: string | null;
  expires_at: number;
};

/**
 * Consent: a client asks, a signed-in person answers on the console, and the client becomes an agent of theirs. Its
 * attacker is a client that looks like another, or one that hopes for a click: so the question names the address that
 * vouches for the client, nothing is remembered as a yes, and what no rule permits cannot be allowed at all.
 */
export function openConsents(parts: ConsentParts): Consents {
  const codes = new RateLimit(CODES, () => parts.clock.monotonic());
  return {
    async ask(uid, person) {
      const asked = await readInteraction(uid, parts);
      return isRefusal(asked) ? asked : questionOf(asked, person, parts);
    },
    answer: (uid, verdict, person) => answer(uid, verdict, person, parts),
    async askDevice(user_code, person) {
      if (!codes.take(person.id)) return refuse('rate_limited', 'too many codes were tried');
      const found = await readDevice(user_code, parts);
      return isRefusal(found) ? found : questionOf(found.asked, person, parts);
    },
    async answerDevice(user_code, verdict, person) {
      if (!codes.take(person.id)) return refuse('rate_limited', 'too many codes were tried');
      return answerDevice(user_code, verdict, person, parts);
    },
    async list(person) {
      const grants = await listGrants(parts.db, person, parts.time.now(), LISTED_MAX);
      return grants.map(entryOf);
    },
    end: (id, by, person) => end(id, by, person, parts),
  };
}

function entryOf({ id, client, agent, job, person, granted_at, expires_at }: GrantEntry): GrantEntry {
  return { id, client, agent, job, person, granted_at, expires_at };
}

function gone(): Refusal {
  return refuse('consent_unknown', 'no request for consent waits under this id');
}

async function readInteraction(uid: string, parts: ConsentParts): Promise<Asked | Refusal> {
  const stored = await findArtefact(parts.db, 'Interaction', uid);
  if (stored === undefined || stored.consumed_at !== null || stored.payload.result !== undefined) return gone();
  if (stored.expires_at <= parts.time.now()) return gone();
  const params = stored.payload.params as Record<string, unknown>;
  const redirect = URL.parse(String(params.redirect_uri));
  const returns_to = redirect === null ? null : LOOPBACK.has(redirect.hostname) ? 'this computer' : placeOf(redirect);
  return readAsked('browser', params, { stored, returns_to }, parts);
}

/** A private scheme (`cursor://`) belongs to a program on the person's computer; to which one, nobody can say. */
function placeOf(redirect: URL): string {
  return redirect.protocol === 'https:' ? redirect.host : redirect.protocol;
}

async function readDevice(
  user_code: string,
  parts: ConsentParts,
): Promise<{ asked: Asked; stored: StoredArtefact & { row: string } } | Refusal> {
  const stored = await findByUserCode(parts.db, normalized(user_code));
  if (stored === undefined || stored.expires_at <= parts.time.now() || isDecided(stored)) return gone();
  const params = stored.payload.params as Record<string, unknown>;
  const asked = await readAsked('device', params, { stored, returns_to: null }, parts);
  return isRefusal(asked) ? asked : { asked, stored };
}

function isDecided({ payload, consumed_at }: StoredArtefact): boolean {
  return consumed_at !== null || payload.accountId !== undefined || payload.error !== undefined;
}

/** As people type them: letter case, spaces and hyphens do not matter (RFC 8628, section 6.1). */
function normalized(user_code: string): string {
  return user_code.toUpperCase().replace(/[^A-Z0-9]/g, '');
}

async function readAsked(
  flow: Asked['flow'],
  params: Record<string, unknown>,
  { stored, returns_to }: { stored: StoredArtefact; returns_to: string | null },
  parts: ConsentParts,
): Promise<Asked | Refusal> {
  const client = await parts
    .provider()
    .Client.find(String(params.client_id))
    .catch(() => undefined);
  if (client === undefined) return refuse('consent_unknown', `the client ${params.client_id} cannot be read any more`);
  const resource = [params.resource].flat()[0];
  return {
    flow,
    client,
    resource: typeof resource === 'string' ? resource : parts.issuer,
    scopes: typeof params.scope === 'string' ? params.scope.split(' ') : [],
    returns_to,
    expires_at: stored.expires_at,
  };
}

function questionOf(asked: Asked, person: Person, { authorization }: ConsentParts): ConsentQuestion {
  const { client, flow, resource, returns_to, expires_at } = asked;
  const jobs = jobsFor(client.clientId, person, authorization().sign_in);
  const wanted = asked.scopes.filter((scope) => scope.startsWith('job:')).map((scope) => scope.slice('job:'.length));
  return {
    flow,
    client: {
      id: client.clientId,
      name: [...(client.clientName ?? 'A client without a name')].slice(0, NAME_CHARS_MAX).join(''),
      host: isDocument(client.clientId) ? new URL(client.clientId).host : null,
      returns_to,
    },
    jobs: [...jobs],
    asked_job: wanted.find((job) => jobs.includes(job)) ?? null,
    resource,
    agent: agentOf(client.clientId, person),
    expires_at,
  };
}

/** Readable in policies and in the log, and one for each client and person, whatever either calls itself. */
function agentOf(client: string, person: Person): string {
  const host = isDocument(client) ? new URL(client).hostname : 'client';
  const readable = host
    .toLowerCase()
    .replace(/[^a-z0-9.-]/g, '-')
    .slice(0, HOST_CHARS_MAX);
  return `${readable}-${hash('sha256', `${client}\n${person.id}`, 'hex').slice(0, 12)}`;
}

async function answer(
  uid: string,
  verdict: Verdict,
  person: Person,
  parts: ConsentParts,
): Promise<{ next: string } | Refusal> {
  const asked = await readInteraction(uid, parts);
  if (isRefusal(asked)) return asked;
  const interaction = await parts.provider().Interaction.find(uid);
  if (interaction === undefined) return gone();
  const ticket = Buffer.from(parts.random(32)).toString('base64url');
  const seal = { ticket: hashSecret(ticket), ticket_until: parts.time.now() + SECONDS_MAX.ticket * 1000 };
  if (verdict.allow) {
    const grant = await allow(asked, verdict.job, person, parts);
    if (isRefusal(grant)) return grant;
    interaction.result = { login: { accountId: person.id, remember: false }, consent: { grantId: grant.jti }, ...seal };
  } else {
    await deny(asked, person, parts);
    interaction.result = { error: 'access_denied', error_description: 'the person said no', ...seal };
  }
  await interaction.save(SECONDS_MAX.ticket);
  return { next: `${parts.issuer}${PATHS.authorization}/${uid}?ticket=${ticket}` };
}

async function answerDevice(
  user_code: string,
  verdict: Verdict,
  person: Person,
  parts: ConsentParts,
): Promise<Refusal | undefined> {
  const found = await readDevice(user_code, parts);
  if (isRefusal(found)) return found;
  const { asked, stored } = found;
  const grant = verdict.allow ? await allow(asked, verdict.job, person, parts) : undefined;
  if (isRefusal(grant)) return grant;
  if (!verdict.allow) await deny(asked, person, parts);
  const said =
    grant === undefined || !verdict.allow
      ? { error: 'access_denied', errorDescription: 'the person said no' }
      : {
          accountId: person.id,
          grantId: grant.jti,
          scope: scopeOf(verdict.job),
          resource: asked.resource,
        };
  const now = parts.time.now();
  const decided = await parts.db.transaction((tx) =>
    decideDevice(tx, { row: stored.row, before: stored.payload, after: { ...stored.payload, ...said }, now }),
  );
  if (decided) return undefined;
  if (grant !== undefined) await endGrant(grant.jti, `person:${person.id}`, parts);
  return gone();
}

function scopeOf(job: string): string {
  return `${ANY_JOB_SCOPE} job:${job}`;
}

/** The agent, the grant and the receipt; what oidc-provider keeps of it is a row beside. */
async function allow(asked: Asked, job: string, person: Person, parts: ConsentParts): Promise<ProviderGrant | Refusal> {
  const { clientId } = asked.client;
  if (!jobsFor(clientId, person, parts.authorization().sign_in).includes(job)) {
    return refuse('consent_not_permitted', `no rule lets ${person.id} give ${clientId} the job ${job}`);
  }
  const { Grant } = parts.provider();
  const grant = new Grant({ accountId: person.id, clientId });
  grant.addOIDCScope(`${ANY_JOB_SCOPE} offline_access`);
  grant.addResourceScope(asked.resource, scopeOf(job));
  const others = asked.scopes.filter((scope) => scope.startsWith('job:') && scope !== `job:${job}`);
  if (others.length > 0) grant.rejectResourceScope(asked.resource, others.join(' '));
  await grant.save();
  const made = await change<undefined>(parts, async (tx, granted_at) => {
    await tx.lock('identity.consents');
    const agent = agentOf(clientId, person);
    const generation = await ensureAgent(tx, { agent, job, person, granted_at }, parts);
    const expires_at = granted_at + SECONDS_MAX.grant * 1000;
    const stored = {
      id: grant.jti,
      client: clientId,
      agent,
      generation,
      job,
      person: person.id,
      granted_at,
      expires_at,
    };
    await insertGrant(tx, { ...stored, run: null });
    await parts.record(tx, {
      event: 'grant.give',
      by: `person:${person.id}`,
      subject: grant.jti,
      before: null,
      after: digestOf(stored),
      payload: { client: clientId, agent, job, resource: asked.resource },
    });
    return undefined;
  });
  return isRefusal(made) ? made : grant;
}

/** An agent of a person's consent holds no key: its registered one is forgotten as soon as it is made. */
async function ensureAgent(
  tx: Parameters<typeof insertAgent>[0],
  { agent, job, person, granted_at }: { agent: string; job: string; person: Person; granted_at: number },
  parts: ConsentParts,
): Promise<number> {
  const public_key = forgottenKey();
  const entry = { id: agent, owner: person.name, version: '1', jobs: [job], purposes: [], users: [], public_key };
  const stored = { ...entry, thumbprint: thumbprintOf(public_key), added_at: granted_at };
  const added = await insertAgent(tx, stored, LOWEST_LABEL);
  const generation = added ?? (await saveAgentJobs(tx, agent, job));
  await noteRegistration(tx, agent, await parts.state.confirm(tx));
  if (added === undefined) return generation;
  await parts.record(tx, {
    event: 'agent.add',
    by: `person:${person.id}`,
    subject: agent,
    before: null,
    after: digestOf({ ...stored, generation }),
    payload: { owner: person.name, version: '1', jobs: [job] },
  });
  return generation;
}

function forgottenKey(): PublicJwk {
  const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return readPublicJwk(publicKey.export({ format: 'jwk' })) as PublicJwk;
}

async function deny(asked: Asked, person: Person, parts: ConsentParts): Promise<void> {
  const by = `person:${person.id}`;
  const payload = { client: asked.client.clientId };
  await parts.db.transaction((tx) =>
    parts.record(tx, { event: 'grant.refuse', by, subject: null, before: null, after: null, payload }),
  );
}

async function end(
  id: string,
  by: string,
  person: string | undefined,
  parts: ConsentParts,
): Promise<Refusal | undefined> {
  const grant = await loadGrant(parts.db, id);
  if (grant === undefined || (person !== undefined && grant.person !== person)) {
    return refuse('not_found', `there is no grant ${id} that ${by} may end`);
  }
  await endGrant(id, by, parts);
  return undefined;
}
