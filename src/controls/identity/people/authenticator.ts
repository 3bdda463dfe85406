import { createHmac, timingSafeEqual } from 'node:crypto';
import type { Random } from '../../../core/clock.ts';
import { Secret } from '../../../core/secret.ts';

/** RFC 6238 as every authenticator app does it: SHA-1, six digits, thirty seconds. */
const STEP_MS = 30_000;
const DIGITS = 6;
/** RFC 4226, section 4: 160 bits are recommended. */
const SECRET_BYTES = 20;
/** RFC 6238, section 5.2: one step either way, for slow fingers and slow clocks. */
const STEPS_AROUND = 1;
const BASE32 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';

/** The step whose code this is, within the window; undefined where it is none's. Every step is compared, in constant time. */
export function stepOf(code: string, secret: Uint8Array, now: number): number | undefined {
  if (!/^\d{6}$/.test(code)) return undefined;
  const current = Math.floor(now / STEP_MS);
  let found: number | undefined;
  for (let step = current - STEPS_AROUND; step <= current + STEPS_AROUND; step++) {
    if (timingSafeEqual(Buffer.from(codeAt(secret, step)), Buffer.from(code))) found = step;
  }
  return found;
}

/** RFC 4226, section 5.3. */
export function codeAt(secret: Uint8Array, step: number): string {
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(step));
  const mac = createHmac('sha1', secret).update(counter).digest();
  const offset = mac[mac.length - 1]! & 15;
  const number = (mac.readUInt32BE(offset) & 0x7fff_ffff) % 10 ** DIGITS;
  return String(number).padStart(DIGITS, '0');
}

export function newAuthenticatorSecret(random: Random): Uint8Array {
  return random(SECRET_BYTES);
}

/** What an app reads from a QR code (the key URI format of Google Authenticator, which all others follow). */
export function enrolmentOf(secret: Uint8Array, name: string, host: string): { uri: Secret; secret: Secret } {
  const text = base32(secret);
  const label = `${encodeURIComponent('Sallyport')}:${encodeURIComponent(`${name}@${host}`)}`;
  const query = `secret=${text}&issuer=Sallyport&algorithm=SHA1&digits=${DIGITS}&period=${STEP_MS / 1000}`;
  return { uri: new Secret(`otpauth://totp/${label}?${query}`), secret: new Secret(text) };
}

/** RFC 4648, section 6, without padding. */
export function base32(bytes: Uint8Array): string {
  let text = '';
  let value = 0;
  let bits = 0;
  for (const byte of bytes) {
    value = (value << 8) | byte;
    bits += 8;
    while (bits >= 5) {
      bits -= 5;
      text += BASE32[(value >>> bits) & 31];
    }
    value &= (1 << bits) - 1;
  }
  if (bits > 0) text += BASE32[(value << (5 - bits)) & 31];
  return text;
}

/**
 * An authenticator's secret must be read again, so it is sealed and not hashed: whoever copies the database has no codes.
 * The person's id is bound in, so that nobody's row can be given another's secret.
 */
export function sealedFor(person: string): string {
  return `authenticator of ${person}`;
}
