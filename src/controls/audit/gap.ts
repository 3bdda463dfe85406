import type { Missed } from './contract.ts';
import type { Draft } from './epoch.ts';

/** Refusals that could not be recorded: counted, and stated by the first receipt that can be written again. */
export class Gap {
  #count: number;
  #since: number;

  constructor(missed: Missed = { count: 0, since: 0 }) {
    this.#count = missed.count;
    this.#since = missed.since;
  }

  /** Returns undefined: there is no receipt whose id could be given. */
  add(now: number): undefined {
    if (this.#count === 0) this.#since = now;
    this.#count += 1;
  }

  get missed(): Missed {
    return { count: this.#count, since: this.#since };
  }

  /** So many are in the log by now, or known to who will see to it. */
  stated(count: number): void {
    this.#count -= count;
  }

  /** The receipt of the gap, if there is one; once it is written, the count goes on from there. */
  preface(draft: (count: number, since: number) => Draft): { draft: Draft; written: () => void } | undefined {
    const count = this.#count;
    if (count === 0) return undefined;
    return { draft: draft(count, this.#since), written: () => this.stated(count) };
  }
}
