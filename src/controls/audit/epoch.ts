import { StorageError, type Transaction } from '../../storage/index.ts';
import { type Hash, leafHash } from './merkle.ts';
import { receiptText, type Unplaced } from './receipt-text.ts';
import type { Sealed } from './seal.ts';
import { insertReceipts, receiptAt, seatOf, takePlaces } from './store.ts';

/**
 * Another replica took this epoch for dead and said what became of its open intents: nothing more may be written in it. A
 * conflict, so that whoever writes in a transaction of its own (a stop, say) tries again in the epoch that follows.
 */
export class EpochClosed extends StorageError {
  readonly epoch: number;
  constructor(epoch: number) {
    super('conflict', `epoch ${epoch} was closed by another replica`);
    this.epoch = epoch;
  }
}

/** A receipt that is ready but for its place in the epoch. */
export type Draft = {
  receipt: Unplaced;
  about: number | null;
  follows: number | null;
  payload: Sealed | undefined;
};

/** What one epoch wrote lately, so that the sequencer need not read it back. */
export type Written = { text: string; leaf: Hash };

const RECENT_MAX = 4_096;

/**
 * Writes receipts in one epoch of this replica. Places are taken from the epoch's row, which stays locked until the
 * transaction ends: so they are gapless, in the order of commits, and taken back when a transaction rolls back.
 */
export class EpochWriter {
  readonly replica: string;
  readonly epoch: number;
  /** A ring by n. What a rolled-back transaction left here is overwritten by the one that takes its place. */
  readonly #recent: (Written & { n: number })[] = [];

  constructor(replica: string, epoch: number) {
    this.replica = replica;
    this.epoch = epoch;
  }

  /** `settled`: every intent before that place has its outcome. Returns the seat of the first; the others follow it. */
  async write(tx: Transaction, drafts: readonly Draft[], settled: number): Promise<number> {
    const first = await takePlaces(tx, this.epoch, drafts.length, settled);
    if (first === undefined) throw new EpochClosed(this.epoch);
    let prev = await this.#leafBefore(tx, first);
    const rows = drafts.map((draft, at) => {
      const n = first + at;
      const text = receiptText(draft.receipt, { replica: this.replica, epoch: this.epoch, n, prev });
      prev = leafHash(text);
      this.#recent[n % RECENT_MAX] = { n, text, leaf: prev };
      return {
        seat: seatOf(this.epoch, n),
        id: draft.receipt.id,
        kind: draft.receipt.kind,
        about: draft.about,
        follows: draft.follows,
        body: text,
        seed: draft.payload?.seed ?? null,
        sealed: draft.payload?.sealed ?? null,
      };
    });
    await insertReceipts(tx, rows);
    return seatOf(this.epoch, first);
  }

  /** Only for places that are known to be committed. */
  recent(n: number): Written | undefined {
    const written = this.#recent[n % RECENT_MAX];
    return written?.n === n ? written : undefined;
  }

  async #leafBefore(tx: Transaction, n: number): Promise<Hash | null> {
    if (n === 0) return null;
    const known = this.recent(n - 1);
    if (known !== undefined) return known.leaf;
    const row = await receiptAt(tx, seatOf(this.epoch, n - 1));
    if (row === undefined) throw new Error(`the receipt before ${this.epoch}/${n} is missing`);
    return leafHash(row.body);
  }
}
