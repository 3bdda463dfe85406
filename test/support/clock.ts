import type { Clock } from '../../src/core/clock.ts';

/** The machine's own clocks, as `main` has them. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(delay_ms, work) {
    const timer = setTimeout(work, delay_ms);
    timer.unref();
    return () => clearTimeout(timer);
  },
};
