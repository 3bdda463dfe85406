import type { Chance } from './chance.ts';
import type { Loop } from './loop.ts';

export type Direction = 'there' | 'back';

/**
 * The way between a replica and something else. Messages take random times, so those of different calls overtake each
 * other; while a direction is cut they are lost.
 */
export class Link {
  readonly #loop: Loop;
  readonly #chance: Chance;
  readonly #cutUntil = { there: 0, back: 0 };
  #slowUntil = 0;
  /** Chance that a message is lost although nothing is cut. */
  loss = 0;
  /** Chance that a commit's answer takes longer than a lease. On some days never. */
  lateness: number;

  constructor(loop: Loop, chance: Chance) {
    this.#loop = loop;
    this.#chance = chance;
    this.lateness = chance.happens(0.5) ? 0.03 : 0;
  }

  cut(direction: Direction, ms: number): void {
    this.#cutUntil[direction] = Math.max(this.#cutUntil[direction], this.#loop.now + ms);
  }

  slow(ms: number): void {
    this.#slowUntil = Math.max(this.#slowUntil, this.#loop.now + ms);
  }

  heal(): void {
    this.#cutUntil.there = 0;
    this.#cutUntil.back = 0;
    this.#slowUntil = 0;
    this.loss = 0;
    this.lateness = 0;
  }

  /** How long a message takes that is sent now; undefined where it does not arrive. */
  transit(direction: Direction): number | undefined {
    const usual = this.#chance.between(0.2, this.#chance.happens(0.05) ? 40 : 3);
    const ms = this.#loop.now < this.#slowUntil ? Math.min(usual * 30, 300) : usual;
    if (this.#loop.now < this.#cutUntil[direction] || this.#chance.happens(this.loss)) return undefined;
    return ms;
  }
}
