/** Every choice of a simulated world comes from its seed: sfc32, which is fast and passes the usual batteries. */
export class Chance {
  #a: number;
  #b: number;
  #c: number;
  #count: number;

  constructor(seed: number, stream = 0) {
    this.#a = seed >>> 0;
    this.#b = (Math.floor(seed / 2 ** 32) ^ 0x9e3779b9) >>> 0;
    this.#c = stream >>> 0;
    this.#count = 1;
    for (let warm = 0; warm < 15; warm++) this.word();
  }

  /** 32 bits. */
  word(): number {
    const sum = (this.#a + this.#b + this.#count) | 0;
    this.#count = (this.#count + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = ((this.#c << 21) | (this.#c >>> 11)) + sum;
    return sum >>> 0;
  }

  /** A stream of its own, so that one part's draws do not move another's. */
  fork(): Chance {
    return new Chance(this.word() * 2 ** 20 + (this.word() & 0xfffff), this.word());
  }

  /** From 0 up to, and without, 1. */
  fraction(): number {
    return this.word() / 2 ** 32;
  }

  between(least: number, most: number): number {
    return least + this.fraction() * (most - least);
  }

  happens(probability: number): boolean {
    return this.fraction() < probability;
  }

  pick<T>(from: readonly T[]): T {
    return from[Math.floor(this.fraction() * from.length)]!;
  }

  bytes(length: number): Uint8Array {
    const bytes = new Uint8Array(length);
    for (let at = 0; at < length; at++) bytes[at] = this.word() >>> 24;
    return bytes;
  }
}
