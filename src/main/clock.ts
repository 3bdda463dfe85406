import { randomBytes } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import type { Clock, Random } from '../core/clock.ts';

/** The longest delay that a timer of the platform's can take. */
const TIMER_MS_MAX = 2 ** 31 - 1;

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after: (delay_ms, work) => {
    const timer = setTimeout(work, Math.min(Math.max(delay_ms, 0), TIMER_MS_MAX));
    timer.unref();
    return () => clearTimeout(timer);
  },
};

/** Small draws come from a pool: a call of its own costs ten times as much as the bytes. */
const POOL_BYTES = 8192;
let pool = Buffer.alloc(0);
let drawn = 0;

export const systemRandom: Random = (length) => {
  if (length > 256) return randomBytes(length);
  if (drawn + length > pool.length) {
    pool = randomBytes(POOL_BYTES);
    drawn = 0;
  }
  const bytes = Uint8Array.prototype.slice.call(pool, drawn, drawn + length);
  pool.fill(0, drawn, drawn + length);
  drawn += length;
  return bytes;
};
