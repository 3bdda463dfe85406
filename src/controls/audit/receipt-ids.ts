import { type Cipheriv, createCipheriv, createDecipheriv } from 'node:crypto';
import type { Clock, Random } from '../../core/clock.ts';
import { isId } from '../../core/ids.ts';

/**
 * An id says nothing about order, volume or time, so in an index each new one would lie on a page of its own, to be written
 * with its commit. What stands in the index is its *slot*, time and 80 random bits, which grows at one end; the id is the
 * slot encrypted, one block, under a key that lies in the database and is shown to nobody.
 */
export type ReceiptId = { id: string; slot: Uint8Array | null };

export const ID_KEY_BYTES = 16;
/** No two slots are the same, so a bare block cipher is a permutation that only its key undoes. */
const CIPHER = 'aes-128-ecb';
const TIME_BYTES = 6;
const RANDOM_BYTES = 10;

export class ReceiptIds {
  readonly #cipher: Cipheriv;
  readonly #clock: Clock;
  readonly #random: Random;

  constructor(key: Uint8Array, { clock, random }: { clock: Clock; random: Random }) {
    this.#cipher = createCipheriv(CIPHER, key, null);
    this.#clock = clock;
    this.#random = random;
  }

  next(): ReceiptId {
    const slot = Buffer.allocUnsafe(TIME_BYTES + RANDOM_BYTES);
    slot.writeUIntBE(Math.max(0, Math.trunc(this.#clock.now())), 0, TIME_BYTES);
    slot.set(this.#random(RANDOM_BYTES), TIME_BYTES);
    const number = BigInt(`0x${this.#cipher.update(slot, undefined, 'hex')}`);
    return { id: `rcp_${number.toString(32).padStart(26, '0')}`, slot };
  }
}

/** Undefined where no slot has that id. */
export function slotOf(key: Uint8Array, id: string): Uint8Array | undefined {
  if (!isId('rcp', id)) return undefined;
  const number = [...id.slice(4)].reduce((sum, digit) => sum * 32n + BigInt(Number.parseInt(digit, 32)), 0n);
  const hex = number.toString(16).padStart(32, '0');
  if (hex.length > 32) return undefined;
  const cipher = createDecipheriv(CIPHER, key, null).setAutoPadding(false);
  return cipher.update(hex, 'hex');
}
