import type { Fault } from '../api/index.ts';
import type { Clock } from '../core/clock.ts';

/** What is wrong now and only main knows, such as a configuration file that could not be taken over. */
export class Faults {
  readonly #clock: Clock;
  readonly #faults = new Map<string, Fault>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  set(code: string, what: string, remedy: string): void {
    const since = this.#faults.get(code)?.since ?? this.#clock.now();
    this.#faults.set(code, { code, what, remedy, since });
  }

  clear(code: string): void {
    this.#faults.delete(code);
  }

  list(): readonly Fault[] {
    return [...this.#faults.values()];
  }
}
