import type { KeyObject } from 'node:crypto';
import { isId } from '../../core/ids.ts';
import { isJsonObject, type JsonObject } from '../../core/json.ts';
import { type Refusal, refuse } from '../../core/refusal.ts';
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
  agent: string;
  generation: number;
  run: string;
  job: string;
  /** Thumbprint of the key that every request must prove (RFC 9449, section 6). */
  jkt: string;
  /** Where it may be used: this path and those beneath it. Empty for the whole gateway. */
  audience_path: string;
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
 * sound because a signature does not change; all that can change (stops, agents, runs) is looked up on each request.
 */
export function openTokenReader(parts: TokenReaderParts): TokenReader {
  const verified = new BoundedMap<string, AccessToken>(TOKENS_CACHED_MAX);
  return {
    read(token, hash) {
      const known = verified.get(hash) ?? verify(token, parts);
      if ('kind' in known) return known;
      if (known.expires_at <= parts.now()) {
        verified.delete(hash);
        return refuse('token_expired', `token ${known.jti} of ${known.agent} has expired`);
      }
      if (verified.get(hash) === undefined) verified.set(hash, known);
      return known;
    },
  };
}

function verify(token: string, parts: TokenReaderParts): AccessToken | Refusal {
  const jws = splitJws(token, TOKEN_CHARS_MAX);
  const header = jws === undefined ? undefined : decodeSegment(jws.header);
  const claims = jws === undefined ? undefined : decodeSegment(jws.payload);
  if (jws === undefined || header === undefined || claims === undefined) {
    return refuse('credential_malformed', 'the access token is not a compact JWS of two JSON objects');
  }
  // RFC 8725, section 3.1: the algorithm is ours to say, the header's only has to agree. `alg: none` ends here.
  if (header.typ !== 'at+jwt' || header.alg !== 'ES256' || header.crit !== undefined) {
    return refuse('token_unknown', 'the token is not an at+jwt signed with ES256 (RFC 9068, section 2.1)');
  }
  const key = typeof header.kid === 'string' ? parts.signingKey(header.kid) : undefined;
  if (key === undefined) return refuse('token_unknown', 'the token names no signing key of this gateway');
  return verifySigned(jws, claims, key, parts);
}

function verifySigned(
  jws: CompactJws,
  claims: JsonObject,
  key: KeyObject,
  parts: TokenReaderParts,
): AccessToken | Refusal {
  const refusal = checkClaims(claims, parts);
  if (refusal !== undefined) return refusal;
  if (!signatureHolds('ES256', key, jws.signed, jws.signature)) {
    return refuse('token_unknown', 'the signature of the access token does not verify');
  }
  return (
    readClaims(claims, parts.issuer) ??
    refuse('token_unknown', 'the access token lacks run, job, client or key binding')
  );
}

/** Before the signature, since they cost nothing; nothing is told that the sender of a forged token did not write. */
function checkClaims(claims: JsonObject, { issuer, now }: TokenReaderParts): Refusal | undefined {
  const { iss, aud, exp, iat } = claims;
  if (iss !== issuer) return refuse('token_unknown', 'the token is of another issuer');
  if (typeof aud !== 'string' || audiencePath(aud, issuer) === undefined) {
    return refuse('token_wrong_audience', 'the token is for an audience outside this gateway (RFC 8707)');
  }
  if (typeof exp !== 'number' || typeof iat !== 'number') {
    return refuse('credential_malformed', 'the token has no expiry or no time of issue');
  }
  if (exp * 1000 <= now()) return refuse('token_expired', 'the token has expired');
  const begins = typeof claims.nbf === 'number' ? Math.max(iat, claims.nbf) : iat;
  if (begins * 1000 > now() + SKEW_MS_MAX) return refuse('token_not_yet_valid', 'the token is from the future');
  return undefined;
}

function readClaims(claims: JsonObject, issuer: string): AccessToken | undefined {
  const { jti, client_id, generation, run, job, cnf, exp, aud } = claims;
  const jkt = isJsonObject(cnf) ? cnf.jkt : undefined;
  if (typeof jti !== 'string' || typeof client_id !== 'string' || typeof job !== 'string') return undefined;
  if (typeof generation !== 'number' || typeof exp !== 'number') return undefined;
  if (typeof run !== 'string' || !isId('run', run) || typeof jkt !== 'string') return undefined;
  const audience_path = typeof aud === 'string' ? audiencePath(aud, issuer) : undefined;
  if (audience_path === undefined) return undefined;
  return { jti, agent: client_id, generation, run, job, jkt, audience_path, expires_at: exp * 1000 };
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

export function audienceCovers(token: AccessToken, path: string): boolean {
  const { audience_path } = token;
  return audience_path === '' || path === audience_path || path.startsWith(`${audience_path}/`);
}
