import { hash } from 'node:crypto';
import type { Random } from '../../core/clock.ts';

/** 32 bytes, one for each character. */
export type Mark = string & { readonly of: 'proof' };

/** Proofs that one generation holds. Two generations of 16 bytes a slot: 4 MB, allocated once. */
const PROOFS_MAX = 65_536;
const SLOTS = PROOFS_MAX * 2;
/** Of 32 bits, kept of each mark. */
const WORDS = 4;

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

  /** What stands for one proof here. */
  markOf(jkt: string, jti: string): Mark {
    return hash('sha256', `${this.#key}.${jkt}.${jti}`, 'latin1') as Mark;
  }

  seen(mark: Mark): boolean {
    return this.#young.has(mark) || this.#old.has(mark);
  }

  /** False where it was there already: two requests with one proof may be in flight together. */
  add(mark: Mark): boolean {
    if (this.#young.has(mark) || this.#old.has(mark)) return false;
    if (this.#young.count >= PROOFS_MAX) {
      [this.#young, this.#old] = [this.#old, this.#young];
      this.#young.clear();
    }
    this.#young.add(mark);
    return true;
  }
}

class Generation {
  readonly #words = new Uint32Array(SLOTS * WORDS);
  count = 0;

  has(mark: Mark): boolean {
    return this.#words[this.#slot(mark) * WORDS] !== 0;
  }

  add(mark: Mark): void {
    const at = this.#slot(mark) * WORDS;
    for (let word = 0; word < WORDS; word += 1) this.#words[at + word] = wordOf(mark, word);
    this.count += 1;
  }

  clear(): void {
    this.#words.fill(0);
    this.count = 0;
  }

  /** The slot that holds the mark, or the free one where it would go. At most half of the slots are taken. */
  #slot(mark: Mark): number {
    let slot = wordOf(mark, WORDS) % SLOTS;
    while (this.#words[slot * WORDS] !== 0) {
      if (this.#holds(slot * WORDS, mark)) return slot;
      slot = (slot + 1) % SLOTS;
    }
    return slot;
  }

  #holds(at: number, mark: Mark): boolean {
    for (let word = 0; word < WORDS; word += 1) if (this.#words[at + word] !== wordOf(mark, word)) return false;
    return true;
  }
}

/** The first is never zero, which means a free slot. */
function wordOf(mark: Mark, word: number): number {
  const at = word * 4;
  const low = mark.charCodeAt(at) | (mark.charCodeAt(at + 1) << 8) | (mark.charCodeAt(at + 2) << 16);
  const value = (low | (mark.charCodeAt(at + 3) << 24)) >>> 0;
  return word === 0 ? (value | 1) >>> 0 : value;
}
