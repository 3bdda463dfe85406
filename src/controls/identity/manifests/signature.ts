import { createPrivateKey, createPublicKey, type KeyObject, sign, verify } from 'node:crypto';
import { canonicalText } from '../../../core/manifest.ts';
import type { Secret } from '../../../core/secret.ts';
import type { Pin } from './store.ts';

/** DER of an Ed25519 private key before its 32 bytes (RFC 8410, section 7). */
const PKCS8_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex');

export interface PinSigner {
  sign(pin: Omit<Pin, 'signature'>): string;
  isSigned(pin: Pin): boolean;
}

/**
 * Pins carry the gateway's signature, so that whoever writes to the database without the gateway's key pins nothing. The
 * key is a fleet's, since what one replica pinned the others must know.
 */
export function openPinSigner(seed: Secret<Uint8Array>): PinSigner {
  const key = createPrivateKey({ key: Buffer.concat([PKCS8_PREFIX, seed.reveal()]), format: 'der', type: 'pkcs8' });
  const publicKey: KeyObject = createPublicKey(key);
  /** A pin does not change: each row's signature is looked at once. */
  const good = new Set<string>();
  return {
    sign: (pin) => sign(null, statementOf(pin), key).toString('base64url'),
    isSigned(pin) {
      const statement = statementOf(pin);
      const seen = `${pin.signature} ${statement.toString('utf8')}`;
      if (good.has(seen)) return true;
      if (!verify(null, statement, publicKey, Buffer.from(pin.signature, 'base64url'))) return false;
      if (good.size >= SEEN_MAX) good.clear();
      good.add(seen);
      return true;
    },
  };
}

const SEEN_MAX = 50_000;

function statementOf({ server, kind, name, digest, pin, pinned_at, pinned_by, basis }: Omit<Pin, 'signature'>): Buffer {
  const said = { type: 'sallyport/manifest-pin/1', server, kind, name, digest, pin, pinned_at, pinned_by, basis };
  return Buffer.from(canonicalText(said));
}
