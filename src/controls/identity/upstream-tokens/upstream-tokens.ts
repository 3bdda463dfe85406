import type { Clock, Random } from '../../../core/clock.ts';
import type { Documents, FetchDocument } from '../../../core/document.ts';
import { newId } from '../../../core/ids.ts';
import { isRefusal, type Refusal, refuse } from '../../../core/refusal.ts';
import { Secret } from '../../../core/secret.ts';
import type { CredentialAnswer, HttpMethod, OnBehalf, UpstreamCredential } from '../../../core/upstream-credential.ts';
import { BoundedMap } from '../bounded-map.ts';
import { type ChangeParts, change } from '../change.ts';
import type { IdentityKeys } from '../identity-keys.ts';
import { signJws } from '../jws.ts';
import { newProofJwk, openSenderProofs, type ProofKey, proofKeyOf, wantsNonce } from '../sender-proofs.ts';
import type { Assert, AssertionClaims } from '../token-client.ts';
import { isOwn, type TokenSource, type UpstreamTokens } from './contract.ts';
import { type IdTokens, readIdToken } from './id-tokens.ts';
import { clientDigest, type OnWhoseBehalf, obtain } from './sources.ts';
import { deleteConsent, holdsConsent, listConsents, saveConsent } from './store.ts';

const TOKENS_MAX = 10_000;
/** Renewed so long before it ends, or in its last tenth. */
const RENEW_MS_BEFORE = 30_000;
const ASSERTION_SECONDS = 60;

export type UpstreamTokenParts = ChangeParts & {
  clock: Clock;
  random: Random;
  issuer: string;
  keys: IdentityKeys;
  documents: Documents;
  id_tokens: IdTokens;
};

type Kept = { credential: UpstreamCredential; renew_at: number; ends_at: number };

/**
 * Tokens for servers behind the gateway, which are the gateway's own: got by its own client, by its own assertion of who
 * acts for whom. An agent's token is never part of a request here, so a server cannot use it, nor can a stolen one of a
 * server's be used here. Kept in memory alone, for each user and agent.
 */
export function openUpstreamTokens(parts: UpstreamTokenParts): UpstreamTokens {
  const tokens = openKeptTokens(parts);
  return {
    credential(server, source, on) {
      if (isByIdToken(source)) return byIdToken({ server, source, on, tokens, parts });
      const key = keyOf(server, source, on);
      const subject = isOwn(source) ? undefined : on?.run.subject?.id;
      if (subject === undefined) return tokens.fresh(key) ?? tokens.obtain(key, source, onWhoseBehalf(on));
      // Asked each time, so that a consent that was withdrawn ends with the next call.
      return holdsConsent(parts.db, { person: subject, upstream: server, client: clientDigest(source) }).then(
        (holds) => {
          if (!holds) return missingConsent(server);
          return tokens.fresh(key) ?? tokens.obtain(key, source, onWhoseBehalf(on));
        },
      );
    },
    async keepIdToken(source, { id }, token) {
      const problem = isByIdToken(source) ? problemWith(token, source) : 'This server needs no ID token.';
      if (problem !== undefined) return refuse('input_invalid', problem, { public: problem });
      return parts.id_tokens.keep(id, token);
    },
    ...consentsOf(parts),
  };
}

function consentsOf(parts: UpstreamTokenParts): Pick<UpstreamTokens, 'consent' | 'withdraw' | 'consents'> {
  return {
    consent: (upstream, source, { id: person }) =>
      change(parts, async (tx, given_at) => {
        const consent = { person, upstream, client: clientDigest(source), given_at };
        await saveConsent(tx, consent);
        const by = `person:${person}`;
        await parts.record(tx, { event: 'consent.give', by, subject: upstream, before: null, after: consent.client });
        return consent;
      }),
    withdraw: (upstream, { id: person }) =>
      change<undefined>(parts, async (tx) => {
        if (!(await deleteConsent(tx, person, upstream))) return refuse('not_found', `no consent for ${upstream}`);
        const by = `person:${person}`;
        await parts.record(tx, { event: 'consent.withdraw', by, subject: upstream, before: null, after: null });
        return undefined;
      }),
    consents: (person) => listConsents(parts.db, person),
  };
}

type KeptTokens = ReturnType<typeof openKeptTokens>;

function openKeptTokens(parts: UpstreamTokenParts) {
  const kept = new BoundedMap<string, Kept>(TOKENS_MAX);
  const under_way = new Map<string, Promise<UpstreamCredential | Refusal>>();
  const now = (): number => parts.time.now();
  const binding = openBinding(parts);

  const fetchNow = async (
    key: string,
    source: TokenSource,
    who: OnWhoseBehalf,
  ): Promise<UpstreamCredential | Refusal> => {
    const asked_at = now();
    const given = await obtain(source, who, {
      fetchDocument: fetchFor(source, parts),
      assert: assertBy(parts),
      claims: claimsBy(parts),
      proof: source.dpop ? binding.proof() : undefined,
    });
    if (isRefusal(given)) return given;
    const token = new Secret(given.token);
    const life_ms = given.seconds * 1000;
    const credential: UpstreamCredential = {
      kind: 'credential',
      id: newId('tok', parts.random),
      headers: { authorization: new Secret(`${source.dpop ? 'DPoP' : 'Bearer'} ${given.token}`) },
      env: {},
      secrets: [token],
      ...binding.shown(source, given.token, () => kept.delete(key)),
    };
    const renew_at = asked_at + life_ms - Math.min(RENEW_MS_BEFORE, life_ms / 10);
    kept.set(key, { credential, renew_at, ends_at: asked_at + life_ms });
    return credential;
  };
  /** Not to be renewed yet. */
  const fresh = (key: string): UpstreamCredential | undefined => {
    const known = kept.get(key);
    return known !== undefined && known.renew_at > now() ? known.credential : undefined;
  };
  /** Not over yet: it does until it ends, where a new one is not to be had. */
  const last = (key: string): UpstreamCredential | undefined => {
    const known = kept.get(key);
    return known !== undefined && known.ends_at > now() ? known.credential : undefined;
  };
  return {
    fresh,
    last,
    /** One request for one key at a time. */
    obtain(key: string, source: TokenSource, who: OnWhoseBehalf): Promise<UpstreamCredential | Refusal> {
      const running = under_way.get(key) ?? fetchNow(key, source, who).finally(() => under_way.delete(key));
      under_way.set(key, running);
      return running.then((answer) => (isRefusal(answer) ? (last(key) ?? answer) : answer));
    },
  };
}

type AskingByIdToken = {
  server: string;
  source: ByIdToken;
  on: OnBehalf | undefined;
  tokens: KeptTokens;
  parts: UpstreamTokenParts;
};

/** By what the company says of the user: only while it says so, and in nobody else's name. */
async function byIdToken({ server, source, on, tokens, parts }: AskingByIdToken) {
  const client = { issuer: source.idp.issuer!, client_id: source.idp.client_id };
  const subject = on?.run.subject?.id;
  if (on !== undefined && subject === undefined) return nobody(server);
  const consent = { person: subject ?? '', upstream: server, client: clientDigest(source) };
  if (subject !== undefined && !(await holdsConsent(parts.db, consent))) return missingConsent(server);
  const key = keyOf(server, source, on);
  const known = tokens.fresh(key);
  if (known !== undefined) return known;
  const { id_tokens } = parts;
  const said = await (subject === undefined ? id_tokens.forLists(server, client) : id_tokens.of(subject, client));
  if (said === undefined) return tokens.last(key) ?? missingWord(server);
  return tokens.obtain(key, source, { ...onWhoseBehalf(on), id_token: said });
}

/** Why an ID token is not one for this source, for whoever brought it. */
function problemWith(token: Secret, { idp }: ByIdToken): string | undefined {
  const read = readIdToken(token.reveal());
  if (typeof read === 'string') return read;
  return read.issuer === idp.issuer && read.audience.includes(idp.client_id)
    ? undefined
    : 'The ID token is another identity provider’s, or for another client.';
}

/** Tokens are of this process, and so is the key that they are bound to. */
function openBinding({ random, time }: UpstreamTokenParts) {
  const proofs = openSenderProofs({ random, now: () => time.now() });
  let own: ProofKey | undefined;
  const key = (): ProofKey => {
    own ??= proofKeyOf(newProofJwk());
    return own;
  };
  return {
    proof: () => ({ key: key(), proofs }),
    shown({ url, dpop }: TokenSource, token: string, forget: () => void): Pick<UpstreamCredential, 'proof' | 'heard'> {
      const proof = (method: HttpMethod) => ({ dpop: new Secret(proofs.make(key(), { method, url, token })) });
      const heard = ({ status, nonce, challenge }: CredentialAnswer): 'again' | undefined => {
        if (nonce !== undefined) proofs.heard(url, nonce);
        if (status === 401 && dpop && wantsNonce(challenge)) return 'again';
        if (status === 401) forget();
        return undefined;
      };
      return dpop ? { proof, heard } : { heard };
    },
  };
}

type ByIdToken = Extract<TokenSource, { kind: 'id_jag' }>;

function isByIdToken(source: TokenSource): source is ByIdToken {
  return source.kind === 'id_jag' && source.subject === 'id_token';
}

function nobody(server: string): Refusal {
  return refuse('consent_missing', `${server} is used in the names of users alone`, {
    public: `${server} is used in the names of users alone, and you act in nobody’s.`,
  });
}

function missingWord(server: string): Refusal {
  return refuse('consent_missing', `there is no ID token of the user’s for ${server}`, {
    public: `The user in whose name you act has to sign in to Sallyport with the company again before it acts for them at ${server}, or to give an ID token: sallyport consent ${server} --id-token FILE`,
  });
}

function missingConsent(server: string): Refusal {
  return refuse('consent_missing', `the user has not consented to the gateway’s client at ${server}`, {
    public: `The user in whose name you act has not let Sallyport act for them at ${server}. They do so, signed in, with: sallyport consent ${server}`,
  });
}

/** A token is of a user and an agent; of the gateway alone where its client acts for nobody. */
function keyOf(server: string, source: TokenSource, on: OnBehalf | undefined): string {
  const who = isOwn(source) ? [] : [on?.run.agent ?? null, on?.run.subject?.id ?? null];
  return JSON.stringify([server, clientDigest(source), ...who]);
}

/** The subject and the current actor, and nobody between them (RFC 8693, section 4.1). */
function onWhoseBehalf(on: OnBehalf | undefined): OnWhoseBehalf {
  if (on === undefined) return { sub: 'gateway', act: undefined };
  const { agent, subject } = on.run;
  return subject === null ? { sub: agent, act: undefined } : { sub: subject.id, act: { sub: agent } };
}

type Signer = Pick<UpstreamTokenParts, 'issuer' | 'keys' | 'random' | 'time'>;

export function assertBy(parts: Signer): Assert {
  const claimsOf = claimsBy(parts);
  return (aud, claims) =>
    signJws({ typ: 'JWT' }, claimsOf(aud, { iss: parts.issuer, ...claims }), parts.keys.signing.reveal());
}

export function claimsBy({ random, time }: Pick<Signer, 'random' | 'time'>): AssertionClaims {
  return (aud, claims) => {
    const iat = Math.floor(time.now() / 1000);
    const jti = Buffer.from(random(16)).toString('base64url');
    return { ...claims, aud, iat, exp: iat + ASSERTION_SECONDS, jti };
  };
}

const FETCHERS = new WeakMap<TokenSource, FetchDocument>();

/** The endpoints stand in the operator's file, so they may be private. */
function fetchFor(source: TokenSource, { documents }: UpstreamTokenParts): FetchDocument {
  const known = FETCHERS.get(source);
  if (known !== undefined) return known;
  const addresses = [source.client.token_endpoint, ...(source.kind === 'id_jag' ? [source.idp.token_endpoint] : [])];
  const fetcher = documents.configured({ addresses });
  FETCHERS.set(source, fetcher);
  return fetcher;
}
