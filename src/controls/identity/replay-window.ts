import { hash } from 'node:crypto';
import type { Random } from '../../core/clock.ts';

/** Proofs that one generation holds. Two generations of 16 bytes a slot: 4 MB, allocated once. */
const PROOFS_MAX = 65_536;
const SLOTS = PROOFS_MAX * 2;

/**
 * The proofs seen lately by this process. It only saves work: what counts is the unique index that the intent claims, so
 * forgetting early is safe, and the memory is fixed whatever arrives. Open addressing over keyed hashes: the key is
 * random, so nobody can choose proofs that collide.
 */
export class ReplayWindow {
  readonly #key: string;
  #young = new Generation();
  #old = new Generation();

  constructor(random: Random) {
    this.#key = Buffer.from(random(16)).toString('base64url');
  }

  seen(jkt: string, jti: string): boolean {
    const mark = this.#mark(jkt, jti);
    return this.#young.has(mark) || this.#old.has(mark);
  }

  /** False where it was there already: two requests with one proof may be in flight together. */
  add(jkt: string, jti: string): boolean {
    const mark = this.#mark(jkt, jti);
    if (this.#young.has(mark) || this.#old.has(mark)) return false;
    if (this.#young.count >= PROOFS_MAX) {
      [this.#young, this.#old] = [this.#old, this.#young];
      this.#young.clear();
    }
    this.#young.add(mark);
    return true;
  }

  #mark(jkt: string, jti: string): Buffer {
    return hash('sha256', `${this.#key}.${jkt}.${jti}`, 'buffer');
  }
}

class Generation {
  readonly #words = new BigUint64Array(SLOTS * 2);
  count = 0;

  has(mark: Buffer): boolean {
    return this.#words[this.#slot(mark) * 2 + 1] !== 0n;
  }

  add(mark: Buffer): void {
    const slot = this.#slot(mark);
    this.#words[slot * 2] = mark.readBigUInt64LE(0);
    this.#words[slot * 2 + 1] = secondWord(mark);
    this.count += 1;
  }

  clear(): void {
    this.#words.fill(0n);
    this.count = 0;
  }

  /** The slot that holds the mark, or the free one where it would go. At most half of the slots are taken. */
  #slot(mark: Buffer): number {
    const first = mark.readBigUInt64LE(0);
    const second = secondWord(mark);
    let slot = mark.readUInt32LE(16) % SLOTS;
    while (this.#words[slot * 2 + 1] !== 0n) {
      if (this.#words[slot * 2] === first && this.#words[slot * 2 + 1] === second) return slot;
      slot = (slot + 1) % SLOTS;
    }
    return slot;
  }
}

/** Never zero, which means a free slot. */
function secondWord(mark: Buffer): bigint {
  return mark.readBigUInt64LE(8) | 1n;
}
