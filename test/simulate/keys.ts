import { createECDH, createPrivateKey, hash, type KeyObject, sign } from 'node:crypto';
import type { IdentityKeys, SigningJwk } from '../../src/controls/identity/index.ts';
import { Secret } from '../../src/core/secret.ts';
import type { Chance } from './chance.ts';

/** DER of an Ed25519 private key before its 32 bytes (RFC 8410). */
const PKCS8_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex');

export function makeIdentityKeys(chance: Chance, kid: string): { keys: IdentityKeys; sign: TokenSigner } {
  const curve = createECDH('prime256v1');
  curve.setPrivateKey(Buffer.from(chance.bytes(32)).fill(1, 0, 1));
  const point = curve.getPublicKey();
  const [x, y, d] = [point.subarray(1, 33), point.subarray(33), curve.getPrivateKey()].map((part) =>
    part.toString('base64url'),
  ) as [string, string, string];
  const jwk: SigningJwk = { kty: 'EC', crv: 'P-256', kid, x, y, d };
  const key = createPrivateKey({ key: { ...jwk }, format: 'jwk' });
  return {
    keys: {
      signing: new Secret(jwk),
      // No replica of the simulation is told to replace its key.
      succession: { next: () => new Secret(jwk), take: () => {} },
      sealing: new Secret(chance.bytes(32)),
      pins: new Secret(new Uint8Array(32).fill(7)),
    },
    sign: (claims) => {
      const signed = `${encode({ typ: 'at+jwt', alg: 'ES256', kid })}.${encode(claims)}`;
      const signature = sign('sha256', Buffer.from(signed), { key, dsaEncoding: 'ieee-p1363' });
      return `${signed}.${signature.toString('base64url')}`;
    },
  };
}

export type TokenSigner = (claims: object) => string;

/** An agent's own key. Ed25519, whose signatures are the same each time, unlike ECDSA's. */
export class AgentKey {
  readonly jwk: { kty: 'OKP'; crv: 'Ed25519'; x: string };
  readonly thumbprint: string;
  readonly #key: KeyObject;
  readonly #header: string;

  constructor(chance: Chance) {
    this.#key = createPrivateKey({
      key: Buffer.concat([PKCS8_PREFIX, chance.bytes(32)]),
      format: 'der',
      type: 'pkcs8',
    });
    const { x } = this.#key.export({ format: 'jwk' }) as { x: string };
    this.jwk = { kty: 'OKP', crv: 'Ed25519', x };
    // RFC 7638, section 3.2: the members in this order and no other.
    this.thumbprint = hash('sha256', JSON.stringify({ crv: 'Ed25519', kty: 'OKP', x }), 'base64url');
    this.#header = encode({ typ: 'dpop+jwt', alg: 'EdDSA', jwk: this.jwk });
  }

  proof(claims: { jti: string; htm: string; htu: string; iat: number; ath: string }): string {
    const signed = `${this.#header}.${encode(claims)}`;
    return `${signed}.${sign(null, Buffer.from(signed), this.#key).toString('base64url')}`;
  }
}

function encode(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}
