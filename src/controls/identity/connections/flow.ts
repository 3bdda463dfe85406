import { createHash, hash } from 'node:crypto';
import type { Random } from '../../../core/clock.ts';
import type { Documents } from '../../../core/document.ts';
import type { JsonObject } from '../../../core/json.ts';
import type { Subject } from '../../../core/principal.ts';
import { isRefusal, type Refusal } from '../../../core/refusal.ts';
import { Secret } from '../../../core/secret.ts';
import type { ChangeParts } from '../change.ts';
import { digestOf } from '../digest.ts';
import type { IdentityKeys } from '../identity-keys.ts';
import { thumbprintOf } from '../jwk.ts';
import { seal, unseal } from '../people/sealed.ts';
import { newProofJwk, type ProofJwk, proofKeyOf, type SenderProofs } from '../sender-proofs.ts';
import { type Assert, type AssertionClaims, type ClientMethod, requestToken } from '../token-client.ts';
import { errorCodeOf, isTokenText } from '../token-endpoint.ts';
import { type Challenge, readScope } from './challenge.ts';
import type { Begun, ConnectSource, Returned } from './contract.ts';
import { discover, type Found, failed } from './discovery.ts';
import { isNamed, reaching } from './reach.ts';
import { type Client, clientAt } from './registration.ts';
import { findClient, forgetClient, saveFlow, takeFlow } from './store.ts';

export type FlowParts = ChangeParts & {
  random: Random;
  keys: IdentityKeys;
  documents: Documents;
  issuer: string;
  redirect_uri(): string;
  assert: Assert;
  claims: AssertionClaims;
  proofs: SenderProofs;
};

/** What is asked for, beside what the server says of itself. */
export type Wish = {
  server: string;
  source: ConnectSource;
  person: Subject;
  holder: string;
  challenge: Challenge | undefined;
  /** Granted before, by the same authorization server, and wanted since. */
  more: readonly string[];
  granted_by: string | undefined;
};

/** What a person was sent away with. All that is needed when they come back, so that any replica can go on. */
type Flow = {
  server: string;
  holder: string;
  /** Of the configuration: where it is another now, nothing is finished under it. */
  source: string;
  issuer: string;
  says_iss: boolean;
  token_endpoint: string;
  resource: string | null;
  scope: string | null;
  client_id: string;
  method: ClientMethod;
  registered: boolean;
  redirect_uri: string;
  verifier: string;
  dpop_key: ProofJwk | null;
};

/** What came of it. */
export type Made = {
  flow: Flow;
  client: Client;
  token: Secret;
  refresh_token: string | null;
  scope: string;
  seconds: number;
};

const FLOW_MS_MAX = 10 * 60_000;
const OFFLINE = 'offline_access';
const DAY_SECONDS = 86_400;
/** A token that nobody says the end of, and that nothing renews, is thrown away after this. */
const LIFE_SECONDS_MAX = 30 * DAY_SECONDS;
const LIFE_SECONDS_USUAL = 300;
const STATE = /^[A-Za-z0-9_-]{43}$/;
const CODE_CHARACTERS_MAX = 4_096;

/** Finds out where the person signs in, and as whom the gateway asks; the rest is between them and that place. */
export async function beginFlow(wish: Wish, parts: FlowParts): Promise<Begun | Refusal> {
  const { source, challenge, person } = wish;
  const fetchDocument = reaching(source, parts.documents);
  const found = await discover(source, challenge, fetchDocument);
  if (isRefusal(found)) return found;
  const dpop = wantsDpop(source, found);
  if (isRefusal(dpop)) return dpop;
  const redirect_uri = parts.redirect_uri();
  const client = await clientAt(found.server, source, { ...parts, redirect_uri, fetchDocument, dpop });
  if (isRefusal(client)) return client;
  const flow = flowOf(wish, found, client, { redirect_uri, dpop, random: parts.random });
  const state = secretText(parts.random);
  const expires_at = Math.floor(parts.time.now()) + FLOW_MS_MAX;
  const sealed = seal(Buffer.from(JSON.stringify(flow)), about(person.id, state), parts.keys.sealing, parts.random);
  await saveFlow(parts.db, { id: idOf(state), person: person.id, sealed, expires_at });
  const url = addressOf(found, flow, state);
  return { url, issuer: flow.issuer, scope: flow.scope ?? undefined, expires_at };
}

/** Where the server asks for bound tokens, or has to take them, and its authorization server gives them. */
function wantsDpop({ dpop }: ConnectSource, { wants_dpop, server }: Found): boolean | Refusal {
  if (dpop === 'never') return false;
  if (dpop === 'required' && !server.takes_dpop)
    return failed('Its configuration wants tokens that are bound to a key, and the authorization server gives none.');
  return server.takes_dpop && (wants_dpop || dpop === 'required');
}

function flowOf(
  wish: Wish,
  { server, resource, scopes }: Found,
  client: Client,
  { redirect_uri, dpop, random }: { redirect_uri: string; dpop: boolean; random: Random },
): Flow {
  return {
    server: wish.server,
    holder: wish.holder,
    source: sourceDigest(wish.source),
    issuer: server.issuer,
    says_iss: server.says_iss,
    token_endpoint: server.token_endpoint,
    resource: resource ?? null,
    scope: scopeOf(wish, server.issuer, scopes, server.scopes) ?? null,
    client_id: client.client_id,
    method: client.method,
    registered: client.registered,
    redirect_uri,
    verifier: secretText(random),
    dpop_key: dpop ? newProofJwk().reveal() : null,
  };
}

/**
 * MCP 2026-07-28, scope selection: what the challenge says, else what the metadata lists, else nothing; with what was granted
 * before, and, where the authorization server knows it, access that lasts while the person is away.
 */
function scopeOf(
  { source, challenge, more, granted_by }: Wish,
  issuer: string,
  listed: readonly string[],
  known: readonly string[],
): string | undefined {
  if (source.scope !== undefined) return source.scope;
  const wanted = challenge?.scope?.split(' ') ?? listed;
  const before = granted_by === undefined || granted_by === issuer ? more : [];
  const offline = known.includes(OFFLINE) ? [OFFLINE] : [];
  return readScope([...new Set([...wanted, ...before, ...offline])].join(' '));
}

function addressOf({ server }: Found, flow: Flow, state: string): string {
  const url = new URL(server.authorization_endpoint);
  const given = {
    response_type: 'code',
    client_id: flow.client_id,
    redirect_uri: flow.redirect_uri,
    state,
    code_challenge: hash('sha256', flow.verifier, 'base64url'),
    code_challenge_method: 'S256',
    scope: flow.scope,
    resource: flow.resource,
    // OpenID Connect Core, section 11: offline access is asked of the person each time.
    prompt: flow.scope?.split(' ').includes(OFFLINE) ? 'consent' : null,
    dpop_jkt: flow.dpop_key === null ? null : thumbprintOf(flow.dpop_key),
  };
  for (const [name, value] of Object.entries(given)) if (value !== null) url.searchParams.set(name, value);
  return url.href;
}

/** The person is back. Whoever else comes with their address, or without one that we gave, comes for nothing. */
export async function finishFlow(
  person: Subject,
  returned: Returned,
  sourceOf: (server: string) => ConnectSource | undefined,
  parts: FlowParts,
): Promise<(Made & { source: ConnectSource }) | Refusal> {
  const flow = await recall(person, returned, parts);
  if (isRefusal(flow)) return flow;
  const source = sourceOf(flow.server);
  if (source === undefined || sourceDigest(source) !== flow.source)
    return failed('The configuration of the server changed meanwhile. Begin again.');
  const problem = problemWith(flow, returned);
  if (problem !== undefined) return failed(problem);
  const client = await clientOf(flow, source, parts);
  if (client === undefined) return failed('Sallyport’s registration at the authorization server is gone. Begin again.');
  const made = await redeem(flow, client, source, { code: returned.code!, parts });
  return isRefusal(made) ? made : { ...made, source };
}

async function recall(person: Subject, { state }: Returned, parts: FlowParts): Promise<Flow | Refusal> {
  const lost = 'You have begun nothing that ends here, or too long ago, or it is finished. Begin again.';
  if (!STATE.test(state)) return failed(lost);
  const stored = await takeFlow(parts.db, idOf(state), person.id);
  if (stored === undefined || stored.expires_at <= parts.time.now()) return failed(lost);
  try {
    const bytes = unseal(stored.sealed, about(person.id, state), parts.keys.sealing);
    return JSON.parse(Buffer.from(bytes).toString('utf8')) as Flow;
  } catch {
    return failed(lost);
  }
}

/** RFC 9207, before anything else of the answer is read: who says it. Compared as they are, with no normalisation. */
function problemWith({ issuer, says_iss }: Flow, { iss, error, code }: Returned): string | undefined {
  if (iss === undefined ? says_iss : iss !== issuer)
    return 'The answer does not come from the authorization server that you were sent to.';
  if (error !== undefined) return `The authorization server said no${errorCodeOf({ error })}.`;
  if (code === undefined || code === '' || code.length > CODE_CHARACTERS_MAX)
    return 'The authorization server gave no code.';
  return undefined;
}

/** Of the same registration as when the person was sent away. */
async function clientOf(flow: Flow, source: ConnectSource, parts: FlowParts): Promise<Client | undefined> {
  const { client_id, method, issuer, redirect_uri, registered } = flow;
  const { client_secret, client_key } = source;
  if (!registered) {
    const secrets = { client_secret: client_secret?.reveal() ?? null, client_key: client_key?.reveal() ?? null };
    return { client_id, method, registered, ...secrets };
  }
  const known = await findClient(parts.db, { issuer, redirect_uri });
  if (known?.client_id !== client_id) return undefined;
  const about = JSON.stringify(['connection client', issuer, redirect_uri, client_id]);
  const secret = known.secret === null ? null : Buffer.from(unseal(known.secret, about, parts.keys.sealing));
  return { client_id, method, registered, client_secret: secret?.toString('utf8') ?? null, client_key: null };
}

async function redeem(
  flow: Flow,
  client: Client,
  source: ConnectSource,
  { code, parts }: { code: string; parts: FlowParts },
): Promise<Made | Refusal> {
  const { token_endpoint, issuer, dpop_key, redirect_uri, verifier, resource } = flow;
  const form = { grant_type: 'authorization_code', code, redirect_uri, code_verifier: verifier };
  const { assert, claims, proofs, documents } = parts;
  const proof = dpop_key === null ? undefined : { key: proofKeyOf(new Secret(dpop_key)), proofs };
  const answer = await requestToken(
    {
      token_endpoint,
      issuer,
      client_id: client.client_id,
      method: client.method,
      client_secret: client.client_secret === null ? undefined : new Secret(client.client_secret),
      client_key: client.client_key === null ? undefined : new Secret(client.client_key),
    },
    { ...form, resource: resource ?? undefined },
    { fetchDocument: reaching(source, documents), assert, claims, proof },
  );
  if (isRefusal(answer)) return failed('The authorization server did not answer when it was asked for the token.');
  if (answer.body['error'] === 'invalid_client' && client.registered)
    await forgetClient(parts.db, issuer, client.client_id);
  if (answer.status !== 200) return failed(`The authorization server gave no token${errorCodeOf(answer.body)}.`);
  return readMade(answer.body, flow, client);
}

function readMade(body: JsonObject, flow: Flow, client: Client): Made | Refusal {
  const { access_token, refresh_token, token_type, expires_in, scope } = body;
  const wanted = flow.dpop_key === null ? 'bearer' : 'dpop';
  if (!isTokenText(access_token) || typeof token_type !== 'string' || token_type.toLowerCase() !== wanted)
    return failed(`The authorization server gave no token of the kind that was asked for (${wanted}).`);
  const renewable = isTokenText(refresh_token);
  const said = typeof expires_in === 'number' && expires_in > 0 ? expires_in : undefined;
  return {
    flow,
    client,
    token: new Secret(access_token),
    refresh_token: renewable ? refresh_token : null,
    scope: readScope(scope) ?? flow.scope ?? '',
    seconds: Math.min(said ?? (renewable ? LIFE_SECONDS_USUAL : LIFE_SECONDS_MAX), LIFE_SECONDS_MAX),
  };
}

/** Whether the vault may renew at a private address. */
export function namesTokenEndpoint({ token_endpoint }: Flow, source: ConnectSource): boolean {
  return isNamed(token_endpoint, source);
}

export function sourceDigest(source: ConnectSource): string {
  const { url, issuer, client_id, method, scope, addresses, dpop } = source;
  return digestOf({
    url,
    issuer: issuer ?? null,
    client_id: client_id ?? null,
    method: method ?? null,
    scope: scope ?? null,
    addresses: [...addresses],
    dpop,
  });
}

/** 256 bits. */
function secretText(random: Random): string {
  return Buffer.from(random(32)).toString('base64url');
}

/** The database holds no state that could be used. */
function idOf(state: string): string {
  return createHash('sha256').update(state).digest('hex');
}

function about(person: string, state: string): string {
  return JSON.stringify(['connection flow', person, idOf(state)]);
}
