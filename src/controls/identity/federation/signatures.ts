import { constants, createPublicKey, type KeyObject, verify } from 'node:crypto';
import type { JsonObject } from '../../../core/json.ts';

type Check = (key: KeyObject, data: Buffer, signature: Buffer) => boolean;
type Algorithm = { fits: (key: KeyObject) => boolean; holds: Check };

/** NIST SP 800-131A: fewer bits are no longer a signature. */
const RSA_BITS_MIN = 2_048;
/** An exponent or a modulus without bound is work without bound. */
const RSA_BITS_MAX = 8_192;

const rsa = (key: KeyObject): boolean => {
  const bits = key.asymmetricKeyType === 'rsa' ? (key.asymmetricKeyDetails?.modulusLength ?? 0) : 0;
  return bits >= RSA_BITS_MIN && bits <= RSA_BITS_MAX;
};
const curve =
  (name: string) =>
  (key: KeyObject): boolean =>
    key.asymmetricKeyType === 'ec' && key.asymmetricKeyDetails?.namedCurve === name;
const ed25519 = (key: KeyObject): boolean => key.asymmetricKeyType === 'ed25519';

const pkcs1 =
  (digest: string): Check =>
  (key, data, signature) =>
    verify(digest, data, key, signature);
const pss =
  (digest: string): Check =>
  (key, data, signature) =>
    verify(
      digest,
      data,
      { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST },
      signature,
    );
const ecdsa =
  (digest: string): Check =>
  (key, data, signature) =>
    verify(digest, data, { key, dsaEncoding: 'ieee-p1363' }, signature);
const eddsa: Check = (key, data, signature) => verify(null, data, key, signature);

/** RFC 7518 and RFC 8037, asymmetric only: with an HMAC, a public key would be the secret. */
const ALGORITHMS: ReadonlyMap<string, Algorithm> = new Map([
  ['RS256', { fits: rsa, holds: pkcs1('sha256') }],
  ['RS384', { fits: rsa, holds: pkcs1('sha384') }],
  ['RS512', { fits: rsa, holds: pkcs1('sha512') }],
  ['PS256', { fits: rsa, holds: pss('sha256') }],
  ['PS384', { fits: rsa, holds: pss('sha384') }],
  ['PS512', { fits: rsa, holds: pss('sha512') }],
  ['ES256', { fits: curve('prime256v1'), holds: ecdsa('sha256') }],
  ['ES384', { fits: curve('secp384r1'), holds: ecdsa('sha384') }],
  ['EdDSA', { fits: ed25519, holds: eddsa }],
  ['Ed25519', { fits: ed25519, holds: eddsa }],
]);

export const FOREIGN_ALGORITHMS: readonly string[] = [...ALGORITHMS.keys()];

export function isForeignAlgorithm(value: unknown): value is string {
  return typeof value === 'string' && ALGORITHMS.has(value);
}

export type ForeignKey = { kid: string; alg: string | undefined; key: KeyObject };

/** Undefined for what signs nothing that we accept: another use, a symmetric key, a weak one, one without a name. */
export function readForeignKey(jwk: JsonObject): ForeignKey | undefined {
  const { kid, alg, use, kty, n, e, crv, x, y } = jwk;
  if (typeof kid !== 'string' || (use !== undefined && use !== 'sig')) return undefined;
  if (alg !== undefined && !isForeignAlgorithm(alg)) return undefined;
  try {
    const members = Object.fromEntries(Object.entries({ kty, n, e, crv, x, y }).filter(([, value]) => value));
    const key = createPublicKey({ key: members, format: 'jwk' });
    return [...ALGORITHMS.values()].some(({ fits }) => fits(key)) ? { kid, alg, key } : undefined;
  } catch {
    return undefined;
  }
}

/** The header's algorithm must be the key's own: the attacker writes the header. */
export function fitsKey(algorithm: string, { alg, key }: ForeignKey): boolean {
  return (alg === undefined || alg === algorithm) && ALGORITHMS.get(algorithm)?.fits(key) === true;
}

export function foreignSignatureHolds(algorithm: string, key: KeyObject, signed: string, signature: string): boolean {
  const data = Buffer.from(signed, 'latin1');
  return ALGORITHMS.get(algorithm)?.holds(key, data, Buffer.from(signature, 'base64url')) === true;
}
