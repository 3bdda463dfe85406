import type { Clock } from '../../core/clock.ts';
import type { Database } from '../../storage/index.ts';

/**
 * The database's clock without asking it each time: its last reading, carried on by our monotonic clock. So replicas agree
 * on what has expired, a step of this machine's wall clock changes nothing, and time never goes back: what has expired
 * stays so, whatever anybody does to a clock.
 */
export interface Time {
  now(): number;
  /** Reads the database's clock again. Keeps the reading before where it cannot be reached. */
  sync(): Promise<void>;
}

export function openTime(parts: { db: Database; clock: Clock }): Time {
  const { db, clock } = parts;
  let offset_ms = clock.now() - clock.monotonic();
  let latest = 0;
  return {
    now() {
      const now = Math.floor(clock.monotonic() + offset_ms);
      if (now > latest) latest = now;
      return latest;
    },
    async sync() {
      const sent = clock.monotonic();
      const read = await db.now().catch(() => undefined);
      if (read !== undefined) offset_ms = read - (sent + clock.monotonic()) / 2;
    },
  };
}
