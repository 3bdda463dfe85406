import type { KeyObject } from 'node:crypto';
import { isId } from '../../core/ids.ts';
import { isJsonObject, type JsonObject, type JsonValue } from '../../core/json.ts';
import { isRefusal, type Refusal, refuse } from '../../core/refusal.ts';
import { BoundedMap } from './bounded-map.ts';
import { signatureHolds } from './jwk.ts';
import { type CompactJws, decodeSegment, splitJws } from './jws.ts';

/** RFC 9068 leaves the lifetime open; ours is short, since a token can be asked for at any time. */
export const TOKEN_SECONDS_MAX = 600;
export const TOKEN_CHARS_MAX = 4_096;
/** Replicas' clocks may differ by this much. */
export const SKEW_MS_MAX = 30_000;
const TOKENS_CACHED_MAX = 10_000;

/** What a verified access token says. Job and run were granted by our own authorization server, so they may be believed. */
export type AccessToken = {
  jti: string;
  /** Who asked for it: an agent, or a client that acts as one. */
  client: string;
  agent: string;
  generation: number;
  run: string;
  job: string;
  /**
   * What every request must prove: a key (RFC 9449, section 6) or a client certificate (RFC 8705, section 3.1); or nothing,
   * where a person's consent went to a client that can do no better.
   */
  bound: { kind: 'dpop'; jkt: string } | { kind: 'mtls'; x5t: string } | { kind: 'bearer' };
  /** Where it may be used: this path and those beneath it. Empty for the whole gateway. */
  audience_path: string;
  /** In whose name, where it is a user's. */
  subject: string | null;
  /** The nested `act` (RFC 8693, section 4.1) as JSON, and the delegation that it tells of. */
  act: string | null;
  grant: string | null;
  expires_at: number;
};

export type TokenReaderParts = {
  issuer: string;
  signingKey: (kid: string) => KeyObject | undefined;
  now: () => number;
};

export interface TokenReader {
  /** `hash` is the token's SHA-256 in base64url: the same that a proof carries as `ath`. */
  read(token: string, hash: string): AccessToken | Refusal;
}

/**
 * Verified tokens are kept by their hash until they expire, which saves one of two signature checks a request. That is
 * sound because a signature does not change; all that can change (stops, agents, runs, keys) is looked up on each request.
 */
export function openTokenReader(parts: TokenReaderParts): TokenReader {
  const verified = new BoundedMap<string, Verified>(TOKENS_CACHED_MAX);
  return {
    read(token, hash) {
      const kept = verified.get(hash);
      const known = kept ?? verify(token, parts);
      if (isRefusal(known)) return known;
      const { kid, read } = known;
      const ended = read.expires_at <= parts.now();
      if (ended || parts.signingKey(kid) === undefined) {
        verified.delete(hash);
        return ended
          ? refuse('token_expired', `token ${read.jti} of ${read.agent} has expired`)
          : refuse('token_key_unknown', `key ${kid}, which signed token ${read.jti}, was replaced`);
      }
      if (kept === undefined) verified.set(hash, known);
      return read;
    },
  };
}

type Verified = { kid: string; read: AccessToken };

function verify(token: string, parts: TokenReaderParts): Verified | Refusal {
  const jws = splitJws(token, TOKEN_CHARS_MAX);
  const header = jws === undefined ? undefined : decodeSegment(jws.header);
  const claims = jws === undefined ? undefined : decodeSegment(jws.payload);
  if (jws === undefined || header === undefined || claims === undefined) {
    return refuse('token_malformed', 'the access token is not a compact JWS of two JSON objects');
  }
  if (header.typ !== 'at+jwt') return refuse('token_wrong_type', 'the typ is not at+jwt (RFC 9068, section 2.1)');
  // RFC 8725, section 3.1: the algorithm is ours to say, the header's only has to agree. `alg: none` ends here.
  if (header.alg !== 'ES256') return refuse('token_wrong_algorithm', 'the token is not signed with ES256');
  if (header.crit !== undefined) return refuse('token_critical', 'the token has a critical header that we do not know');
  const refusal = checkClaims(claims, parts);
  if (refusal !== undefined) return refusal;
  const key = typeof header.kid === 'string' ? parts.signingKey(header.kid) : undefined;
  if (key === undefined) return refuse('token_key_unknown', 'the token names no signing key of this gateway');
  const read = verifySigned(jws, claims, key, parts);
  return isRefusal(read) ? read : { kid: header.kid as string, read };
}

function verifySigned(
  jws: CompactJws,
  claims: JsonObject,
  key: KeyObject,
  parts: TokenReaderParts,
): AccessToken | Refusal {
  if (!signatureHolds('ES256', key, jws.signed, jws.signature)) {
    return refuse('token_signature_invalid', 'the signature of the access token does not verify');
  }
  return readClaims(claims, parts.issuer);
}

/** Before the signature, since they cost nothing; nothing is told that the sender of a forged token did not write. */
function checkClaims(claims: JsonObject, { issuer, now }: TokenReaderParts): Refusal | undefined {
  const { iss, aud, exp, iat } = claims;
  if (iss !== issuer) return refuse('token_wrong_issuer', 'the token is of another issuer');
  if (Array.isArray(aud) && aud.length > 1) {
    return refuse('token_audience_ambiguous', 'the token is for several audiences, any of which could use it here');
  }
  if (typeof aud !== 'string' || audiencePath(aud, issuer) === undefined) {
    return refuse('token_wrong_audience', 'the token is for an audience outside this gateway (RFC 8707)');
  }
  if (typeof exp !== 'number' || typeof iat !== 'number') {
    return refuse('token_expiry_missing', 'the token has no expiry or no time of issue');
  }
  if (exp * 1000 <= now()) return refuse('token_expired', 'the token has expired');
  const begins = typeof claims.nbf === 'number' ? Math.max(iat, claims.nbf) : iat;
  if (begins * 1000 > now() + SKEW_MS_MAX) return refuse('token_not_yet_valid', 'the token is from the future');
  return undefined;
}

function readClaims(claims: JsonObject, issuer: string): AccessToken | Refusal {
  const { jti, client_id, generation, run, job, exp, aud, sub } = claims;
  const audience_path = typeof aud === 'string' ? audiencePath(aud, issuer) : undefined;
  const { act = null, grant = null } = claims;
  const complete =
    typeof jti === 'string' &&
    typeof client_id === 'string' &&
    typeof job === 'string' &&
    typeof generation === 'number' &&
    typeof exp === 'number' &&
    typeof sub === 'string' &&
    typeof run === 'string' &&
    isId('run', run) &&
    (grant === null || (typeof grant === 'string' && isId('dlg', grant)));
  if (!complete || audience_path === undefined) {
    return refuse('token_claim_missing', 'the access token lacks run, job, client or generation');
  }
  const subject = isId('usr', sub) ? sub : null;
  const bound = readBinding(claims.cnf);
  if (isRefusal(bound)) return bound;
  if (bound.kind === 'bearer' && subject === null) {
    return refuse('token_not_bound', 'an agent’s own token is bound to a key or certificate, and this is not');
  }
  const agent = typeof claims.agent === 'string' ? claims.agent : client_id;
  const told = { subject, act: act === null ? null : JSON.stringify(act), grant };
  const expires_at = exp * 1000;
  return { jti, client: client_id, agent, generation, run, job, bound, audience_path, ...told, expires_at };
}

/** One of the two, or neither. A token bound to both would be as weak as whichever was asked for. */
function readBinding(cnf: JsonValue | undefined): AccessToken['bound'] | Refusal {
  if (cnf === undefined) return { kind: 'bearer' };
  const { jkt, 'x5t#S256': x5t } = isJsonObject(cnf) ? cnf : {};
  if (jkt !== undefined && x5t !== undefined) {
    return refuse('token_bound_twice', 'the token is bound to a key and to a certificate');
  }
  if (typeof jkt === 'string') return { kind: 'dpop', jkt };
  if (typeof x5t === 'string') return { kind: 'mtls', x5t };
  return refuse('token_not_bound', 'the cnf of the token names no key and no certificate');
}

/** The path beneath the issuer that a resource indicator names; undefined where it lies outside. */
export function audiencePath(resource: string, issuer: string): string | undefined {
  if (resource === issuer || resource === `${issuer}/`) return '';
  if (!resource.startsWith(`${issuer}/`)) return undefined;
  const path = resource.slice(issuer.length);
  return RESOURCE_PATH.test(path) ? path : undefined;
}

/** Plain segments only: no query, no escapes, no dots that climb, no trailing slash. */
export const RESOURCE_PATH = /^(?:\/(?!\.{1,2}(?:\/|$))[A-Za-z0-9._~-]{1,128}){1,4}$/;

export function audienceCovers(token: Pick<AccessToken, 'audience_path'>, path: string): boolean {
  const { audience_path } = token;
  return audience_path === '' || path === audience_path || path.startsWith(`${audience_path}/`);
}
