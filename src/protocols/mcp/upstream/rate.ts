import type { Clock } from '../../../core/clock.ts';

/** So many a second and no more; counted by whole seconds, which is cheap and lets at most twice as many through. */
export class Rate {
  readonly #clock: Clock;
  readonly #per_second_max: number;
  #second = -1;
  #count = 0;

  constructor(clock: Clock, per_second_max: number) {
    this.#clock = clock;
    this.#per_second_max = per_second_max;
  }

  admit(): boolean {
    const second = Math.floor(this.#clock.monotonic() / 1_000);
    this.#count = second === this.#second ? this.#count + 1 : 1;
    this.#second = second;
    return this.#count <= this.#per_second_max;
  }
}
