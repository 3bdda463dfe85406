/** Time and chance arrive as arguments: the simulator replays both from a seed. */

export interface Clock {
  /** Wall clock, milliseconds since the Unix epoch. */
  now(): number;
  /** Monotonic clock, milliseconds; never steps back. Leases and timings are measured on it. */
  monotonic(): number;
  /** Runs `work` once after `delay_ms`; the returned function cancels it. Never keeps the process alive. */
  after(delay_ms: number, work: () => void): () => void;
}

/** Fills and returns `length` unpredictable bytes. */
export type Random = (length: number) => Uint8Array;

export function sleep(clock: Clock, delay_ms: number): Promise<void> {
  return new Promise((resolve) => clock.after(delay_ms, resolve));
}
