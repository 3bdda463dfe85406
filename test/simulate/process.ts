import type { Clock } from '../../src/core/clock.ts';
import type { Loop } from './loop.ts';

/** The world begins at a date that no certificate or token of it has seen. */
export const EPOCH_MS = Date.UTC(2027, 0, 1);

/**
 * One life of one replica's process. Whatever wakes its code comes through here: after a crash nothing does any more, and
 * while it is frozen (a debugger, a laptop's lid, a host that stole the processor) everything waits.
 */
export class Process {
  readonly name: string;
  readonly clock: Clock;
  readonly #loop: Loop;
  #alive = true;
  #frozenUntil = 0;
  #wallOffset = 0;

  constructor(name: string, loop: Loop) {
    this.name = name;
    this.#loop = loop;
    this.clock = {
      now: () => Math.floor(EPOCH_MS + loop.now + this.#wallOffset),
      monotonic: () => loop.now,
      after: (delay_ms, work) => this.after(delay_ms, work),
    };
  }

  get alive(): boolean {
    return this.#alive;
  }

  /** kill -9: what was on its way out is out, nothing comes in. */
  crash(): void {
    this.#alive = false;
  }

  freeze(ms: number): void {
    this.#frozenUntil = Math.max(this.#frozenUntil, this.#loop.now + ms);
  }

  /** Somebody, or NTP, sets this machine's wall clock. */
  jump(ms: number): void {
    this.#wallOffset += ms;
  }

  after(delay_ms: number, work: () => void): () => void {
    let cancel = this.#loop.after(delay_ms, () => {
      if (!this.#alive) return;
      const frozen = this.#frozenUntil - this.#loop.now;
      if (frozen > 0) cancel = this.after(frozen, work);
      else work();
    });
    return () => cancel();
  }
}
