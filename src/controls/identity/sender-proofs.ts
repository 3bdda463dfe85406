import { createHash, createPrivateKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import type { Random } from '../../core/clock.ts';
import { Secret } from '../../core/secret.ts';
import { BoundedMap } from './bounded-map.ts';

/** A key that tokens of somebody else's are bound to: P-256, since every server that knows DPoP takes ES256. */
export type ProofJwk = { kty: 'EC'; crv: 'P-256'; x: string; y: string; d: string };
export type ProofKey = { public: Omit<ProofJwk, 'd'>; private: KeyObject };

/** `token`: what the proof goes beside, where there is one already (RFC 9449, section 4.2). */
export type ProofRequest = { method: string; url: string; token?: string | undefined };

/** The gateway as the one who proves: DPoP towards servers and their authorization servers. */
export interface SenderProofs {
  make(key: ProofKey, request: ProofRequest): string;
  /** A server's nonce, for the next proof that goes to its origin. */
  heard(url: string, nonce: string): void;
}

const ORIGINS_MAX = 1_024;
/** RFC 9449, section 8.1: NQCHAR. */
const NONCE = /^[\x21\x23-\x5b\x5d-\x7e]{1,512}$/;

export function newProofJwk(): Secret<ProofJwk> {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return new Secret(privateKey.export({ format: 'jwk' }) as ProofJwk);
}

export function proofKeyOf(jwk: Secret<ProofJwk>): ProofKey {
  const { kty, crv, x, y } = jwk.reveal();
  return { public: { kty, crv, x, y }, private: createPrivateKey({ key: jwk.reveal(), format: 'jwk' }) };
}

/** `ES256` among what a server's metadata lists (RFC 9449, section 5.1). */
export function takesProofs(algorithms: unknown): boolean {
  return Array.isArray(algorithms) && algorithms.includes('ES256');
}

/** RFC 9449, section 9: the request was refused for the lack of a nonce, which came with the answer. */
export function wantsNonce(challenge: string | undefined): boolean {
  return /(?:^|[\s,])error="?use_dpop_nonce\b/i.test(challenge ?? '');
}

/** @param now milliseconds */
export function openSenderProofs({ random, now }: { random: Random; now: () => number }): SenderProofs {
  const nonces = new BoundedMap<string, string>(ORIGINS_MAX);
  return {
    make(key, { method, url, token }) {
      const { origin, pathname } = new URL(url);
      const nonce = nonces.get(origin);
      const claims = {
        jti: Buffer.from(random(16)).toString('base64url'),
        htm: method,
        htu: `${origin}${pathname}`,
        iat: Math.floor(now() / 1000),
        ...(token === undefined ? {} : { ath: createHash('sha256').update(token, 'ascii').digest('base64url') }),
        ...(nonce === undefined ? {} : { nonce }),
      };
      const signed = `${encode({ typ: 'dpop+jwt', alg: 'ES256', jwk: key.public })}.${encode(claims)}`;
      const signature = sign('sha256', Buffer.from(signed), { key: key.private, dsaEncoding: 'ieee-p1363' });
      return `${signed}.${signature.toString('base64url')}`;
    },
    heard(url, nonce) {
      if (NONCE.test(nonce)) nonces.set(new URL(url).origin, nonce);
    },
  };
}

function encode(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}
