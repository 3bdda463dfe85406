import { isJsonObject, type JsonObject } from '../../../core/json.ts';
import { isRefusal, type Refusal, refuse } from '../../../core/refusal.ts';
import { audiencePath, SKEW_MS_MAX } from '../access-token.ts';
import { type CompactJws, decodeSegment, splitJws } from '../jws.ts';
import type { TrustedIssuer, Workload } from './contract.ts';
import type { IssuerKeys } from './keys.ts';
import { ruleFor } from './rules.ts';
import { type ForeignKey, fitsKey, foreignSignatureHolds, isForeignAlgorithm } from './signatures.ts';

/** Kubernetes' and GitHub's have 1,500 to 2,500. */
export const FOREIGN_TOKEN_CHARS_MAX = 8_192;
const JTI_CHARS_MAX = 256;
/** An access token that lives longer cannot be taken back in time: its issuer does not tell us of revocations. */
const ACCESS_TOKEN_MS_MAX = 60 * 60_000;
/** Kubernetes lets a projected token live for a day at most where nothing else is said. */
const ASSERTION_MS_MAX = 24 * 60 * 60_000;

export type TrustParts = {
  /** Our own issuer: what tokens for us are for. */
  issuer: string;
  now: () => number;
  trusted: TrustedIssuer;
  keys: IssuerKeys;
};

/** What a foreign token is presented as. The two must not be confused (RFC 8725, section 3.11). */
export type Purpose = 'access token' | 'assertion';

export type ForeignToken = Workload & {
  jti: string | undefined;
  /** Thumbprint of the key that it is bound to; an assertion is bound to none. */
  jkt: string | undefined;
  /** As in `AccessToken`. */
  audience_path: string;
};

type Opened = { jws: CompactJws; claims: JsonObject; alg: string; kid: string };

/** Everything that costs nothing first, then the issuer's key, then one signature, then the rules. */
export function readForeign(
  token: string,
  purpose: Purpose,
  parts: TrustParts,
): ForeignToken | Refusal | Promise<ForeignToken | Refusal> {
  const opened = open(token, purpose);
  if (isRefusal(opened)) return opened;
  const refusal = checkTimes(opened.claims, purpose, parts.now()) ?? checkClaims(opened.claims, purpose, parts);
  if (refusal !== undefined) return refusal;
  const key = parts.keys.find(opened.kid);
  return key instanceof Promise
    ? key.then((found) => verified(opened, found, purpose, parts))
    : verified(opened, key, purpose, parts);
}

function open(token: string, purpose: Purpose): Opened | Refusal {
  const jws = splitJws(token, FOREIGN_TOKEN_CHARS_MAX);
  const header = jws === undefined ? undefined : decodeSegment(jws.header);
  const claims = jws === undefined ? undefined : decodeSegment(jws.payload);
  if (jws === undefined || header === undefined || claims === undefined) {
    return refuse('token_malformed', 'the token is not a compact JWS of two JSON objects');
  }
  const { typ, alg, kid, crit } = header;
  if (!isTypeFor(typ, purpose)) {
    return refuse('token_wrong_type', `a token of typ ${JSON.stringify(typ)} does not count as an ${purpose}`);
  }
  if (!isForeignAlgorithm(alg)) return refuse('token_wrong_algorithm', `tokens signed with ${alg} are not accepted`);
  if (crit !== undefined) return refuse('token_critical', 'the token has a critical header that we do not know');
  if (typeof kid !== 'string') return refuse('token_key_unknown', 'the token names no key (kid)');
  return { jws, claims, alg, kid };
}

/** RFC 9068, section 2.1; assertions of workloads are plain JWTs, and no token of another kind passes as one. */
function isTypeFor(typ: unknown, purpose: Purpose): boolean {
  const type = typeof typ === 'string' ? typ.toLowerCase().replace(/^application\//, '') : typ;
  return purpose === 'access token' ? type === 'at+jwt' : type === undefined || type === 'jwt';
}

function checkTimes(claims: JsonObject, purpose: Purpose, now: number): Refusal | undefined {
  const { exp, iat, nbf } = claims;
  if (typeof exp !== 'number' || typeof iat !== 'number') {
    return refuse('token_expiry_missing', 'the token has no expiry (exp) or no time of issue (iat)');
  }
  if (exp * 1000 <= now) return refuse('token_expired', 'the token has expired');
  const begins = typeof nbf === 'number' ? Math.max(iat, nbf) : iat;
  if (begins * 1000 > now + SKEW_MS_MAX) return refuse('token_not_yet_valid', 'the token is from the future');
  const most = purpose === 'access token' ? ACCESS_TOKEN_MS_MAX : ASSERTION_MS_MAX;
  if ((exp - iat) * 1000 > most) return refuse('token_lives_too_long', `the token lives longer than ${most} ms`);
  return undefined;
}

function checkClaims(claims: JsonObject, purpose: Purpose, { issuer, trusted }: TrustParts): Refusal | undefined {
  if (Array.isArray(claims.aud) && claims.aud.length > 1) {
    return refuse('token_audience_ambiguous', `the token of ${trusted.issuer} is for several audiences`);
  }
  const audience = audienceOf(claims.aud);
  const ours =
    purpose === 'access token'
      ? audience !== undefined && audiencePath(audience, issuer) !== undefined
      : audience === (trusted.audience ?? issuer);
  if (!ours) return refuse('token_wrong_audience', `the token of ${trusted.issuer} is not for this gateway alone`);
  const needed = purpose === 'access token' ? ['sub', 'client_id', 'jti'] : ['sub', ...(trusted.once ? ['jti'] : [])];
  const missing = needed.find((name) => !isName(claims[name]));
  if (missing !== undefined) return refuse('token_claim_missing', `the token has no ${missing}`);
  // Who may act for whom is ours to say: a chain that another server made has none of our bounds.
  if (claims.act !== undefined) return refuse('token_delegated', 'the token names an actor (RFC 8693, section 4.1)');
  if (purpose === 'access token' && boundTo(claims) === undefined) {
    return refuse('token_not_bound', 'the token is bound to no key (RFC 9449, section 6.1)');
  }
  return undefined;
}

/** One audience: a token that is also for somebody else can be replayed here by them. */
function audienceOf(aud: unknown): string | undefined {
  const audiences = Array.isArray(aud) ? aud : [aud];
  return audiences.length === 1 && typeof audiences[0] === 'string' ? audiences[0] : undefined;
}

function isName(value: unknown): value is string {
  return typeof value === 'string' && value.length > 0 && value.length <= JTI_CHARS_MAX;
}

function boundTo({ cnf }: JsonObject): string | undefined {
  return isJsonObject(cnf) && typeof cnf.jkt === 'string' ? cnf.jkt : undefined;
}

function verified(
  { jws, claims, alg, kid }: Opened,
  key: ForeignKey | Refusal,
  purpose: Purpose,
  { issuer, trusted }: TrustParts,
): ForeignToken | Refusal {
  if (isRefusal(key)) return key;
  if (!fitsKey(alg, key))
    return refuse('token_wrong_algorithm', `the key ${kid} of ${trusted.issuer} is not for ${alg}`);
  if (!foreignSignatureHolds(alg, key.key, jws.signed, jws.signature)) {
    return refuse('token_signature_invalid', `the signature of a token of ${trusted.issuer} does not verify`);
  }
  const rule = ruleFor(claims, trusted.rules);
  const subject = String(claims.sub);
  if (rule === undefined) {
    return refuse('workload_unmapped', `no rule for ${trusted.issuer} fits the workload ${subject}`);
  }
  const { agent, job } = rule;
  const jti = isName(claims.jti) ? claims.jti : undefined;
  return {
    issuer: trusted.issuer,
    subject,
    agent,
    job,
    jti,
    jkt: purpose === 'access token' ? boundTo(claims) : undefined,
    audience_path: purpose === 'access token' ? audiencePath(audienceOf(claims.aud)!, issuer)! : '',
    expires_at: Number(claims.exp) * 1000,
  };
}
