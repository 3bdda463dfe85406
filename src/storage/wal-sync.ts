import { closeSync, fdatasync, fdatasyncSync, openSync } from 'node:fs';
import type { Clock } from '../core/clock.ts';
import { StorageError } from './errors.ts';

/** A disk this quick is waited for: handing the flush to a thread and back takes longer. */
const QUICK_MS = 0.15;
/** So many flushes on the thread, then one is waited for, to see how quick the disk has become. */
const PROBE_EVERY = 256;

/**
 * Makes commits durable. SQLite writes a commit to the write-ahead log and, with `synchronous = normal`, leaves flushing it
 * to the next checkpoint. Here the same file is flushed: at once where the disk answers faster than a thread would, else on
 * another thread, so that a slow disk does not hold the event loop. A commit counts when a flush that began after it has
 * ended; commits that wait together share one. The log's file stays the same until the last connection closes.
 *
 * A thread that does nothing but commit (`alone`) waits always: another one would only cost the way there and back.
 */
export class WalSync {
  readonly #file: number;
  readonly #clock: Clock;
  #running: Promise<void> | undefined;
  #next: Promise<void> | undefined;
  #failed: StorageError | undefined;
  /** Typical time of a flush that was waited for; later ones count more. */
  #typical_ms = 0;
  #untilProbe = 0;
  readonly #alone: boolean;

  /** @param path of the database; its log exists once something was written in WAL mode. */
  constructor(path: string, clock: Clock, { alone = false }: { alone?: boolean } = {}) {
    // A flush needs a handle that may write, on Windows.
    this.#file = openSync(`${path}-wal`, 'r+');
    this.#clock = clock;
    this.#alone = alone;
  }

  /** Resolves when everything that is committed by now is on the disk. */
  flushed(): Promise<void> {
    // After a flush that failed the system may have dropped what it could not write: nothing here is certain any more.
    if (this.#failed !== undefined) return Promise.reject(this.#failed);
    if (this.#running === undefined) return this.#isQuick() ? this.#wait() : this.#begin();
    this.#next ??= this.#running.then(
      () => this.#begin(),
      () => this.#begin(),
    );
    return this.#next;
  }

  close(): void {
    closeSync(this.#file);
  }

  #isQuick(): boolean {
    if (this.#alone || this.#typical_ms < QUICK_MS) return true;
    this.#untilProbe -= 1;
    return this.#untilProbe <= 0;
  }

  #wait(): Promise<void> {
    this.#untilProbe = PROBE_EVERY;
    const from = this.#clock.monotonic();
    try {
      fdatasyncSync(this.#file);
    } catch (error) {
      return Promise.reject(this.#fail(error as Error));
    }
    const took_ms = this.#clock.monotonic() - from;
    this.#typical_ms += (took_ms - this.#typical_ms) / 4;
    return Promise.resolve();
  }

  #begin(): Promise<void> {
    this.#next = undefined;
    this.#running = new Promise<void>((resolve, reject) => {
      fdatasync(this.#file, (error) => {
        this.#running = undefined;
        if (error === null) resolve();
        else reject(this.#fail(error));
      });
    });
    return this.#running;
  }

  #fail(error: Error): StorageError {
    this.#failed = new StorageError('uncertain', `the log of the database could not be flushed: ${error.message}`);
    return this.#failed;
  }
}
