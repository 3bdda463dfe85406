import type { Receipt } from '../../core/receipt.ts';
import type { Database } from '../../storage/index.ts';
import type { ControlDraft, FeedPage, LoggedReceipt, Payload, Reader, Story } from './contract.ts';
import type { Seal } from './seal.ts';
import {
  entriesBefore,
  entriesFrom,
  type IndexedRow,
  type ReceiptRow,
  receiptAt,
  receiptById,
  receiptsAbout,
  spanOfSeat,
} from './store.ts';

export type ReaderParts = {
  db: Database;
  seal: Seal;
  record: (draft: ControlDraft) => Promise<string>;
};

/** Reads the log. Whoever wants payloads says who it is, and a receipt stands before anything is opened. */
export class LogReader {
  readonly #parts: ReaderParts;

  constructor(parts: ReaderParts) {
    this.#parts = parts;
  }

  async story(id: string, reader: string | undefined): Promise<Story | undefined> {
    const { db } = this.#parts;
    const asked = await receiptById(db, id);
    if (asked === undefined) return undefined;
    const isOutcome = asked.kind === 'outcome' && asked.about !== null;
    const first = isOutcome ? ((await receiptAt(db, asked.about!)) ?? asked) : asked;
    const related = await receiptsAbout(db, first.seat);
    const own = [first, ...related.filter(({ kind, about }) => kind === 'outcome' && about === first.seat)];
    const rows = await Promise.all(own.map(async (row) => ({ ...row, log_index: await this.#indexOf(row.seat) })));
    const read_under = await this.#reads(reader, rows, first.id);
    return {
      receipts: rows.map((row) => this.#logged(row, row.log_index, read_under !== null)),
      children: related.filter(({ kind, about }) => kind !== 'outcome' && about === first.seat).map((row) => row.id),
      continued_by: related.filter(({ follows }) => follows === first.seat).map((row) => row.id),
      read_under,
    };
  }

  async feed(after: number, limit: number, reader: Reader | undefined): Promise<FeedPage> {
    const rows = await entriesFrom(this.#parts.db, after + 1, limit);
    const read_under = await this.#reads(reader, rows, subjectOf(rows));
    return { receipts: rows.map((row) => this.#logged(row, row.log_index, read_under !== null)), read_under };
  }

  async latest(before: number, limit: number, reader: Reader | undefined): Promise<FeedPage> {
    const rows = await entriesBefore(this.#parts.db, Math.min(before, Number.MAX_SAFE_INTEGER), limit);
    const read_under = await this.#reads(reader, rows, subjectOf(rows));
    return { receipts: rows.map((row) => this.#logged(row, row.log_index, read_under !== null)), read_under };
  }

  /** A reading that goes on stands under the receipt it began with; otherwise each page would cause the next. */
  async #reads(reader: Reader | undefined, rows: readonly ReceiptRow[], subject: string): Promise<string | null> {
    if (reader === undefined || !rows.some(isSealed)) return null;
    if (typeof reader !== 'string') return reader.under;
    return this.#parts.record({ event: 'payload.read', by: reader, subject, before: null, after: null });
  }

  #logged(row: ReceiptRow, index: number | null, isOpen: boolean): LoggedReceipt {
    const receipt = JSON.parse(row.body) as Receipt;
    return { index, receipt, payload: this.#payload(row, receipt, isOpen) };
  }

  #payload(row: ReceiptRow, receipt: Receipt, isOpen: boolean): Payload {
    const digest = receipt.kind === 'gap' ? null : receipt.payload;
    if (digest === null) return { kind: 'none' };
    if (row.seed === null || row.sealed === null) return { kind: 'erased' };
    if (!isOpen) return { kind: 'shut' };
    return { kind: 'open', ...this.#parts.seal.open(digest, { seed: row.seed, sealed: row.sealed }) };
  }

  async #indexOf(seat: number): Promise<number | null> {
    const span = await spanOfSeat(this.#parts.db, seat);
    return span === undefined ? null : span.first_index + seat - span.first_seat;
  }
}

function subjectOf(rows: readonly IndexedRow[]): string {
  const ends = [rows[0]?.log_index ?? 0, rows.at(-1)?.log_index ?? 0];
  return `log:${Math.min(...ends)}-${Math.max(...ends)}`;
}

function isSealed(row: ReceiptRow): boolean {
  return row.seed !== null && row.sealed !== null;
}
