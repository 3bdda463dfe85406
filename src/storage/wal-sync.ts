import { closeSync, fdatasync, openSync } from 'node:fs';
import { StorageError } from './errors.ts';

/**
 * Makes commits durable without holding the event loop. SQLite writes a commit to the write-ahead log and, with
 * `synchronous = normal`, leaves flushing it to the next checkpoint; with `full` it flushes at once, on this thread. Here
 * the same file is flushed on another thread, and a commit counts when a flush that began after it has ended. Commits that
 * wait together share one flush. The log's file stays the same until the last connection closes.
 */
export class WalSync {
  readonly #file: number;
  #running: Promise<void> | undefined;
  #next: Promise<void> | undefined;
  #failed: StorageError | undefined;

  /** @param path of the database; its log exists once something was written in WAL mode. */
  constructor(path: string) {
    // A flush needs a handle that may write, on Windows.
    this.#file = openSync(`${path}-wal`, 'r+');
  }

  /** Resolves when everything that is committed by now is on the disk. */
  flushed(): Promise<void> {
    // After a flush that failed the system may have dropped what it could not write: nothing here is certain any more.
    if (this.#failed !== undefined) return Promise.reject(this.#failed);
    if (this.#running === undefined) return this.#begin();
    this.#next ??= this.#running.then(
      () => this.#begin(),
      () => this.#begin(),
    );
    return this.#next;
  }

  close(): void {
    closeSync(this.#file);
  }

  #begin(): Promise<void> {
    this.#next = undefined;
    this.#running = new Promise<void>((resolve, reject) => {
      fdatasync(this.#file, (error) => {
        this.#running = undefined;
        if (error === null) return resolve();
        this.#failed = new StorageError('uncertain', `the log of the database could not be flushed: ${error.message}`);
        reject(this.#failed);
      });
    });
    return this.#running;
  }
}
