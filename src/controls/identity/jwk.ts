import { createPublicKey, hash, type KeyObject, verify } from 'node:crypto';

/**
 * Keys that agents may hold: ECDSA on P-256 and Ed25519. RSA is left out: slow to make, long on every request, needed by
 * no client of ours.
 */
export type PublicJwk = { kty: 'EC'; crv: 'P-256'; x: string; y: string } | { kty: 'OKP'; crv: 'Ed25519'; x: string };

/** JWS names. `Ed25519` is the fully specified name of what `EdDSA` means here (RFC 9864). */
export const ALGORITHMS = ['ES256', 'EdDSA', 'Ed25519'] as const;
export type Algorithm = (typeof ALGORITHMS)[number];

/** 32 bytes in base64url without padding. */
const COORDINATE = /^[A-Za-z0-9_-]{43}$/;
/** Private members of RFC 7518 and RFC 8037: a key that carries one is a secret that somebody is about to lose. */
const PRIVATE_MEMBERS = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k', 'priv'] as const;

/** `private`: the key is its owner's secret, and known to others now. */
export type KeyProblem = { problem: string; private?: true };

/** Only the members that matter are kept, so that a thumbprint names exactly what is stored. */
export function readPublicJwk(value: unknown): PublicJwk | KeyProblem {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return { problem: 'a key is a JSON object' };
  const jwk = value as Record<string, unknown>;
  if (PRIVATE_MEMBERS.some((member) => member in jwk)) {
    return { problem: 'the key contains its private half', private: true };
  }
  const { kty, crv, x, y } = jwk;
  if (kty === 'EC' && crv === 'P-256' && isCoordinate(x) && isCoordinate(y)) return { kty, crv, x, y };
  if (kty === 'OKP' && crv === 'Ed25519' && isCoordinate(x) && y === undefined) return { kty, crv, x };
  return { problem: 'a key is EC on P-256 or OKP on Ed25519' };
}

function isCoordinate(value: unknown): value is string {
  return typeof value === 'string' && COORDINATE.test(value);
}

/** RFC 7638: the required members in lexicographic order, without space, hashed. */
export function thumbprintOf(jwk: PublicJwk): string {
  const canonical =
    jwk.kty === 'EC'
      ? `{"crv":"${jwk.crv}","kty":"EC","x":"${jwk.x}","y":"${jwk.y}"}`
      : `{"crv":"${jwk.crv}","kty":"OKP","x":"${jwk.x}"}`;
  return hash('sha256', canonical, 'base64url');
}

/** The thumbprint that a key given as JSON would be registered under; undefined where it would be refused. */
export function registeredThumbprint(value: unknown): string | undefined {
  const jwk = readPublicJwk(value);
  return 'problem' in jwk ? undefined : thumbprintOf(jwk);
}

export function algorithmsOf(jwk: PublicJwk): readonly Algorithm[] {
  return jwk.kty === 'EC' ? ['ES256'] : ['EdDSA', 'Ed25519'];
}

/** Undefined where the point is not on its curve. */
export function keyObjectOf(jwk: PublicJwk): KeyObject | undefined {
  try {
    return createPublicKey({ key: { ...jwk }, format: 'jwk' });
  } catch {
    return undefined;
  }
}

/** A signature over the first two segments of a compact JWS. Both algorithms make 64 bytes. */
export function signatureHolds(algorithm: Algorithm, key: KeyObject, signed: string, signature: string): boolean {
  const bytes = Buffer.from(signature, 'base64url');
  if (bytes.length !== 64) return false;
  const data = Buffer.from(signed, 'latin1');
  return algorithm === 'ES256' ? verify('sha256', data, ecdsa(key), bytes) : verify(null, data, key, bytes);
}

/**
 * The same on a thread of the pool. It costs the machine a tenth more and the event loop a sixth: the loop is what one
 * process has only one of.
 */
export function signatureHoldsOnThread(
  algorithm: Algorithm,
  key: KeyObject,
  signed: string,
  signature: string,
): Promise<boolean> {
  const bytes = Buffer.from(signature, 'base64url');
  if (bytes.length !== 64) return Promise.resolve(false);
  const data = Buffer.from(signed, 'latin1');
  return new Promise((resolve, reject) => {
    const settle = (error: Error | null, holds: boolean): void => (error === null ? resolve(holds) : reject(error));
    if (algorithm === 'ES256') verify('sha256', data, ecdsa(key), bytes, settle);
    else verify(null, data, key, bytes, settle);
  });
}

/** JWS writes r and s beside each other (RFC 7518, section 3.4), not as DER. */
function ecdsa(key: KeyObject): { key: KeyObject; dsaEncoding: 'ieee-p1363' } {
  return { key, dsaEncoding: 'ieee-p1363' };
}
