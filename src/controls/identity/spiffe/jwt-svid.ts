import { constants, createPrivateKey, hash, type KeyObject, sign, verify } from 'node:crypto';
import type { JsonObject } from '../../../core/json.ts';
import { type Refusal, refuse } from '../../../core/refusal.ts';
import type { SigningJwk } from '../identity-keys.ts';
import { decodeSegment, splitJws } from '../jws.ts';
import type { Bundle } from './bundle.ts';
import { parseSpiffeId, type SpiffeId } from './spiffe-id.ts';

export const JWT_SVID_CHARS_MAX = 4_096;
/** A JWT-SVID counts for whoever holds it, so it is not for keeping. */
export const JWT_SVID_SECONDS = 300;
const SECONDS_AHEAD_MAX = 3_600;
const SKEW_MS_MAX = 30_000;
const TYPES: readonly unknown[] = [undefined, 'JWT', 'JOSE'];

export type VerifiedJwtSvid = { id: SpiffeId; audience: readonly string[]; not_after: number; claims: JsonObject };

export function issueJwtSvid(
  { id, audience, now }: { id: string; audience: readonly string[]; now: number },
  key: SigningJwk,
): string {
  const iat = Math.floor(now / 1000);
  const header = { alg: 'ES256', kid: key.kid, typ: 'JWT' };
  const claims = { sub: id, aud: audience, iat, exp: iat + JWT_SVID_SECONDS };
  const signed = `${encode(header)}.${encode(claims)}`;
  const signer = createPrivateKey({ key: { ...key }, format: 'jwk' });
  const signature = sign('sha256', Buffer.from(signed), { key: signer, dsaEncoding: 'ieee-p1363' });
  return `${signed}.${signature.toString('base64url')}`;
}

function encode(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}

/** JWT-SVID, section 4. The signature comes last: whatever can be refused for less is. */
export function verifyJwtSvid(
  token: string,
  expected: { audience: string; now: number },
  bundleOf: (trust_domain: string) => Bundle | undefined,
): VerifiedJwtSvid | Refusal {
  const jws = splitJws(token, JWT_SVID_CHARS_MAX);
  const header = jws === undefined ? undefined : decodeSegment(jws.header);
  const claims = jws === undefined ? undefined : decodeSegment(jws.payload);
  if (jws === undefined || header === undefined || claims === undefined) {
    return refuse('credential_malformed', 'the JWT-SVID is not a compact JWS of two JSON objects');
  }
  if (!TYPES.includes(header.typ) || header.crit !== undefined) {
    return refuse('token_unknown', 'a JWT-SVID is of type JWT or JOSE (JWT-SVID, section 2.3)');
  }
  const read = readClaims(claims, expected);
  if ('kind' in read) return read;
  const bundle = bundleOf(read.id.trust_domain);
  if (bundle === undefined) return refuse('svid_domain_unknown', `no bundle of ${read.id.trust_domain} is configured`);
  const known = typeof header.kid === 'string' ? bundle.keys.get(header.kid) : undefined;
  if (known === undefined) return refuse('svid_untrusted', `${read.id.text}: its trust domain has no key of this kid`);
  const holds = signatureHolds(header.alg, known.key, jws.signed, Buffer.from(jws.signature, 'base64url'));
  return holds ? read : refuse('svid_untrusted', `${read.id.text}: the signature of the JWT-SVID does not verify`);
}

function readClaims(
  claims: JsonObject,
  { audience, now }: { audience: string; now: number },
): VerifiedJwtSvid | Refusal {
  const { sub, aud, exp, nbf, iat } = claims;
  const id = typeof sub === 'string' ? parseSpiffeId(sub) : undefined;
  if (id === undefined || id.path === '') return refuse('svid_id_invalid', 'the sub of the JWT-SVID is no SPIFFE ID');
  const named = typeof aud === 'string' ? [aud] : Array.isArray(aud) ? aud : [];
  if (!named.includes(audience)) return refuse('token_wrong_audience', `the JWT-SVID is not for ${audience}`);
  if (typeof exp !== 'number') return refuse('credential_malformed', 'the JWT-SVID has no expiry');
  if (exp * 1000 <= now) return refuse('svid_expired', `the JWT-SVID of ${id.text} has expired`);
  if (exp * 1000 > now + SECONDS_AHEAD_MAX * 1000 + SKEW_MS_MAX) {
    return refuse('token_unknown', `a JWT-SVID that lives longer than ${SECONDS_AHEAD_MAX} seconds is a password`);
  }
  const begins = Math.max(typeof nbf === 'number' ? nbf : 0, typeof iat === 'number' ? iat : 0);
  if (begins * 1000 > now + SKEW_MS_MAX) return refuse('svid_not_yet_valid', `the JWT-SVID of ${id.text} is early`);
  return { id, audience: named.filter((name) => typeof name === 'string'), not_after: exp * 1000, claims };
}

const CURVES: Readonly<Record<string, string>> = { ES256: 'prime256v1', ES384: 'secp384r1', ES512: 'secp521r1' };

/** JWT-SVID, section 2.1: RS, ES and PS with 256, 384 or 512, and the key has to be of that kind (RFC 8725, section 3.1). */
function signatureHolds(alg: unknown, key: KeyObject, signed: string, signature: Buffer): boolean {
  const found = typeof alg === 'string' ? /^(RS|ES|PS)(256|384|512)$/.exec(alg) : null;
  if (found === null) return false;
  const digest = `sha${found[2]}`;
  const data = Buffer.from(signed, 'latin1');
  const { asymmetricKeyType: type, asymmetricKeyDetails: details } = key;
  if (found[1] === 'ES') {
    if (type !== 'ec' || details?.namedCurve !== CURVES[found[0]]) return false;
    return verify(digest, data, { key, dsaEncoding: 'ieee-p1363' }, signature);
  }
  if (type !== 'rsa' || (details?.modulusLength ?? 0) < 2_048) return false;
  if (found[1] === 'RS') return verify(digest, data, key, signature);
  const padding = constants.RSA_PKCS1_PSS_PADDING;
  return verify(digest, data, { key, padding, saltLength: constants.RSA_PSS_SALTLEN_DIGEST }, signature);
}

/** What a receipt names a JWT-SVID by, and a stop can. */
export function jwtThumbprint(token: string): string {
  return hash('sha256', token, 'base64url');
}
