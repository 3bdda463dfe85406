import type { Clock } from '../../src/core/clock.ts';

/** A clock that moves when the test says so. Timers run in the order in which they are due. */
export class ManualClock implements Clock {
  #wall: number;
  #monotonic = 0;
  #timers: { due: number; order: number; work: () => void }[] = [];
  #order = 0;

  constructor(wall = Date.UTC(2026, 0, 1)) {
    this.#wall = wall;
  }

  now(): number {
    return this.#wall;
  }

  monotonic(): number {
    return this.#monotonic;
  }

  after(delay_ms: number, work: () => void): () => void {
    const timer = { due: this.#monotonic + Math.max(0, delay_ms), order: this.#order++, work };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer);
    };
  }

  /** Somebody sets the wall clock; the monotonic one does not see it. */
  setWall(wall: number): void {
    this.#wall = wall;
  }

  /** Moves both clocks, running what falls due at its own moment and letting each settle. */
  async advance(ms: number): Promise<void> {
    const end = this.#monotonic + ms;
    for (;;) {
      const next = this.#timers
        .filter((timer) => timer.due <= end)
        .sort((one, other) => one.due - other.due || one.order - other.order)[0];
      if (next === undefined) break;
      this.#move(next.due);
      this.#timers = this.#timers.filter((timer) => timer !== next);
      next.work();
      await settle();
    }
    this.#move(end);
    await settle();
  }

  #move(to: number): void {
    this.#wall += to - this.#monotonic;
    this.#monotonic = to;
  }
}

/** Lets everything run that waits for nothing but its turn. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
}
