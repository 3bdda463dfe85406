import type { LogFiles } from './files.ts';

/** Below this much free disk no intents are taken, so that outcomes, kills and the rest of the record still fit. */
const LOW_BYTES = 64 * 2 ** 20;
/** Held back in a file; given free when the disk is full all the same, because others filled it. */
const RESERVE_BYTES = 16 * 2 ** 20;
const RESERVE = 'reserve';

/** Reserved disk keeps kill and audit alive. */
export class Space {
  readonly #files: LogFiles;
  readonly #reserve_bytes: number;
  #low = false;
  #released = false;

  constructor(files: LogFiles, reserve_bytes: number = RESERVE_BYTES) {
    this.#files = files;
    this.#reserve_bytes = reserve_bytes;
  }

  /** Whether the disk is too full for new intents. */
  get low(): boolean {
    return this.#low;
  }

  async check(): Promise<void> {
    const free = await this.#files.free_bytes();
    this.#low = this.#released ? free < LOW_BYTES + this.#reserve_bytes : free < LOW_BYTES;
    if (this.#low) return;
    if ((await this.#files.size(RESERVE)) === this.#reserve_bytes) return;
    await this.#files.write(RESERVE, new Uint8Array(this.#reserve_bytes), { durable: false });
    this.#released = false;
  }

  /** After a write failed: where the disk is full, gives the reserve free for what must still be recorded. */
  async relieve(): Promise<void> {
    if (this.#released || (await this.#files.free_bytes()) > this.#reserve_bytes) return;
    this.#released = true;
    this.#low = true;
    await this.#files.remove(RESERVE);
  }
}
