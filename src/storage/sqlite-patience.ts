import { type Clock, sleep } from '../core/clock.ts';
import { BUSY_MS_MAX } from './database.ts';
import { isBusy, sqliteError } from './sqlite-errors.ts';

/**
 * Waits for other processes without blocking this one: SQLite's own busy handler would hold the event loop, and with it
 * every stream, while it sleeps.
 */
export async function patiently<T>(clock: Clock, work: () => T): Promise<T> {
  const started = clock.monotonic();
  for (let delay_ms = 1; ; delay_ms = Math.min(delay_ms * 2, 50)) {
    try {
      return work();
    } catch (error) {
      if (!isBusy(error) || clock.monotonic() - started > BUSY_MS_MAX) throw sqliteError(error);
    }
    await sleep(clock, delay_ms);
  }
}
