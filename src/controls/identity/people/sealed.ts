import { createCipheriv, createDecipheriv } from 'node:crypto';
import type { Random } from '../../../core/clock.ts';
import type { Secret } from '../../../core/secret.ts';

const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** AES-256-GCM. What it is about is bound in, so that nothing sealed for one thing opens as another. */
export function seal(bytes: Uint8Array, about: string, key: Secret<Uint8Array>, random: Random): string {
  const nonce = random(NONCE_BYTES);
  const cipher = createCipheriv('aes-256-gcm', key.reveal(), nonce);
  cipher.setAAD(Buffer.from(about));
  const sealed = Buffer.concat([cipher.update(bytes), cipher.final()]);
  return Buffer.concat([nonce, cipher.getAuthTag(), sealed]).toString('base64url');
}

/** @throws where the key is another, it is about something else, or the text was changed. */
export function unseal(sealed: string, about: string, key: Secret<Uint8Array>): Uint8Array {
  const bytes = Buffer.from(sealed, 'base64url');
  const decipher = createDecipheriv('aes-256-gcm', key.reveal(), bytes.subarray(0, NONCE_BYTES));
  decipher.setAAD(Buffer.from(about));
  decipher.setAuthTag(bytes.subarray(NONCE_BYTES, NONCE_BYTES + TAG_BYTES));
  return Buffer.concat([decipher.update(bytes.subarray(NONCE_BYTES + TAG_BYTES)), decipher.final()]);
}
