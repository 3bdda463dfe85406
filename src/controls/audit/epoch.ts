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
  /** What stands in the index for its id. */
  slot: Uint8Array | null;
  about: number | null;
  follows: number | null;
  payload: Sealed | undefined;
};

/** What one epoch wrote lately, so that the sequencer need not read it back. */
export type Written = { text: string; leaf: Hash };

/** Receipts written in a transaction that has not ended: the seat of the first, the others follow it. */
export type Batch = { seat: number; receipts: readonly Written[] };

const RECENT_MAX = 4_096;

/**
 * Writes receipts in one epoch of this replica. Places are taken from the epoch's row, which stays locked until the
 * transaction ends: so they are gapless, in the order of commits, and taken back when a transaction rolls back.
 */
export class EpochWriter {
  readonly replica: string;
  readonly epoch: number;
  /** A ring by n; only what is committed, since another thread may take the place that a rolled-back transaction gave up. */
  readonly #recent: (Written & { n: number })[] = [];

  constructor(replica: string, epoch: number) {
    this.replica = replica;
    this.epoch = epoch;
  }

  /** `settled`: every intent before that place has its outcome. */
  async write(tx: Transaction, drafts: readonly Draft[], settled: number): Promise<Batch> {
    const first = await takePlaces(tx, this.epoch, drafts.length, settled);
    if (first === undefined) throw new EpochClosed(this.epoch);
    const receipts: Written[] = [];
    let prev = await this.#leafBefore(tx, first);
    const rows = drafts.map((draft, at) => {
      const n = first + at;
      const text = receiptText(draft.receipt, { replica: this.replica, epoch: this.epoch, n, prev });
      prev = leafHash(text);
      receipts.push({ text, leaf: prev });
      return {
        seat: seatOf(this.epoch, n),
        id: draft.receipt.id,
        slot: draft.slot,
        kind: draft.receipt.kind,
        about: draft.about,
        follows: draft.follows,
        body: text,
        seed: draft.payload?.seed ?? null,
        sealed: draft.payload?.sealed ?? null,
      };
    });
    await insertReceipts(tx, rows);
    return { seat: seatOf(this.epoch, first), receipts };
  }

  /** Once its transaction has committed. */
  remember({ seat, receipts }: Batch): void {
    const first = seat - seatOf(this.epoch, 0);
    for (const [at, { text, leaf }] of receipts.entries()) {
      this.#recent[(first + at) % RECENT_MAX] = { n: first + at, text, leaf };
    }
  }

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
