import { hkdfSync, timingSafeEqual } from 'node:crypto';
import type { Secret } from '../../../core/secret.ts';

const STEP_SECONDS = 60;
/** Steps either way: a nonce counts for three minutes, and every replica knows it. */
const STEPS_AROUND = 2;
const NONCE_BYTES = 32;

/** Nonces for DPoP proofs (RFC 9449, sections 8 and 9). */
export interface Nonces {
  next(): string;
  accepts(nonce: string): boolean;
}

/** One secret for the fleet, and none that is kept for another purpose. */
export function nonceSecret(sealing: Secret<Uint8Array>): Buffer {
  return Buffer.from(hkdfSync('sha256', sealing.reveal(), 'sallyport', 'dpop nonces', 32));
}

/**
 * The same nonces as oidc-provider's, since both ends are one origin and clients keep one nonce for each: nothing is stored,
 * a nonce is a keyed hash of the minute, and it rotates by itself.
 */
export function openNonces(secret: Buffer, now: () => number): Nonces {
  let known: { step: number; nonces: readonly string[] } = { step: Number.NaN, nonces: [] };
  const current = (): readonly string[] => {
    const step = Math.floor(now() / 1000 / STEP_SECONDS);
    if (known.step !== step) {
      const steps = Array.from({ length: STEPS_AROUND * 2 + 1 }, (_, index) => step - STEPS_AROUND + index);
      known = { step, nonces: steps.map((each) => nonceOf(secret, each)) };
    }
    return known.nonces;
  };
  return {
    next: () => current()[STEPS_AROUND + 1]!,
    accepts: (nonce) => current().some((own) => equal(own, nonce)),
  };
}

function nonceOf(secret: Buffer, step: number): string {
  const salt = Buffer.alloc(8);
  salt.writeBigUInt64BE(BigInt(step));
  return Buffer.from(hkdfSync('sha256', secret, salt, 'DPoP', NONCE_BYTES)).toString('base64url');
}

function equal(own: string, given: string): boolean {
  const [left, right] = [Buffer.from(own), Buffer.from(given)];
  return left.length === right.length && timingSafeEqual(left, right);
}
