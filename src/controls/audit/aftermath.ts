import { type Clock, sleep } from '../../core/clock.ts';
import { type Database, isStorageError } from '../../storage/index.ts';
import type { Drafter } from './drafts.ts';
import type { Draft } from './epoch.ts';
import type { ItemResult } from './group-commit.ts';
import type { OpenIntents } from './open-intents.ts';
import { epochOf, receiptById, seatById } from './store.ts';

export type AftermathParts = {
  db: Database;
  clock: Clock;
  drafter: Drafter;
  open: OpenIntents;
  submit: (draft: Draft, epoch: number) => Promise<ItemResult>;
  /** The epoch that is written in, undefined when the log is closed. Whoever closed another said what became of its intents. */
  epoch: () => number | undefined;
};

const RETRY_MS = 250;
/** A commit that its client has given up may still end at the server; by then not any more. */
const DOUBT_MS = 10_000;

/**
 * What is still to be said when a commit has failed: outcomes that must be written, and intents of which nobody knows
 * whether they are. It goes on until it is done or its epoch is over; a restart or a takeover then says `unknown`.
 */
export class Aftermath {
  readonly #parts: AftermathParts;

  constructor(parts: AftermathParts) {
    this.#parts = parts;
  }

  /** Writes an outcome that could not be written, however long it takes. */
  async insist(intent: string, first: Draft, failed: { error: unknown; uncertain: boolean }, epoch: number) {
    const { db, clock, open, submit } = this.#parts;
    let draft = first;
    let { error, uncertain } = failed;
    while (this.#parts.epoch() === epoch) {
      await sleep(clock, RETRY_MS);
      try {
        if (uncertain && (await seatById(db, draft.receipt.id)) !== undefined) break;
        // What cannot be written at all is not worth insisting on; that something happened is.
        if (!isStorageError(error)) draft = await this.#unknown(intent, draft);
      } catch {
        continue;
      }
      const result = await submit(draft, epoch);
      if (result.kind === 'written') break;
      uncertain = result.kind === 'failed' && result.uncertain;
      error = result.kind === 'failed' ? result.error : error;
    }
    if (this.#parts.epoch() === epoch) open.close(intent);
  }

  async #unknown(intent: string, otherwise: Draft): Promise<Draft> {
    const row = await receiptById(this.#parts.db, intent);
    return row === undefined ? otherwise : this.#parts.drafter.unknown(row, 'unwritable');
  }

  /** Finds out whether an intent was written although its commit's answer was lost; nothing was forwarded for it. */
  async resolve(id: string): Promise<void> {
    const { db, clock, drafter, open, submit } = this.#parts;
    const resolved = open.doubt();
    const until = clock.monotonic() + DOUBT_MS;
    // One receipt for all tries: its id is unique, so a try whose answer was lost too is not made twice.
    let said: Draft | undefined;
    while (this.#parts.epoch() !== undefined) {
      await sleep(clock, RETRY_MS);
      try {
        const row = await receiptById(db, id);
        if (row === undefined) {
          if (clock.monotonic() < until) continue;
          break;
        }
        const epoch = epochOf(row.seat);
        if (epoch !== this.#parts.epoch()) break;
        if (said !== undefined && (await seatById(db, said.receipt.id)) !== undefined) break;
        said ??= drafter.unknown(row, 'not_forwarded');
        if ((await submit(said, epoch)).kind === 'written') break;
      } catch {
        // The database is still away; the doubt stays.
      }
    }
    resolved();
  }
}
