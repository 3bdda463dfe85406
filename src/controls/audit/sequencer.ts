import type { Clock } from '../../core/clock.ts';
import type { Database } from '../../storage/index.ts';
import type { Edge } from './edge.ts';
import type { EpochWriter, Written } from './epoch.ts';
import { leafHash } from './merkle.ts';
import {
  addSpan,
  advanceHead,
  entriesFrom,
  type HeadRow,
  readHead,
  receiptsFrom,
  type Span,
  seatOf,
  type Unsequenced,
  unsequenced,
} from './store.ts';

/** The database does not continue the log that was seen before. Nothing is forwarded until a person has looked at it. */
export class LogForked extends Error {}

/** Entries of one step; a step is one transaction, and a pause for everybody else follows it. */
const STEP_MAX = 2_048;
/** Others leave the work to whoever did it last, for so long. The compare-and-swap is what makes it right. */
const HOLD_MS = 3_000;

export type SequencerParts = {
  db: Database;
  clock: Clock;
  /** Names this replica among those that may sequence. */
  holder: string;
  writer: () => EpochWriter;
  defer: (work: () => void) => void;
};

type Batch = { span: Span; epoch: number; entries: readonly Written[] };

/**
 * Gives receipts their places in the log. It takes rows that have no index, epoch by epoch up to the place that the
 * epoch's row says is committed, and in one transaction states where they stand and compares-and-swaps the head's size and
 * root: so any number of replicas may try, and each index is given once. Every replica computes the root by itself, and
 * one that comes to another root than the head's stops.
 */
export class Sequencer {
  readonly #parts: SequencerParts;
  readonly #fork: number;
  #edge: Edge;

  constructor(parts: SequencerParts, fork: number, edge: Edge) {
    this.#parts = parts;
    this.#fork = fork;
    this.#edge = edge;
  }

  get edge(): Edge {
    return this.#edge;
  }

  /** Follows the head, then sequences all there is, if nobody else does or `now`. @throws LogForked, StorageError */
  async run(now = false): Promise<void> {
    while (await this.#step(now)) await new Promise<void>((resolve) => this.#parts.defer(resolve));
  }

  /** Whether there may be more. */
  async #step(now: boolean): Promise<boolean> {
    const { db, holder } = this.#parts;
    const pending = await unsequenced(db);
    const head = await this.#head();
    if (this.#edge.size < head.size) return this.#follow(head);
    if (this.#edge.size > head.size || this.#edge.root() !== head.root) {
      throw new LogForked(`the database's log has ${head.size} entries, ${this.#edge.size} were seen`);
    }
    if (pending.length === 0) return false;
    if (!now && head.holder !== holder && head.holder_until > (await db.now())) return false;
    return this.#sequence(head, pending, now);
  }

  async #sequence(head: HeadRow, pending: readonly Unsequenced[], now: boolean): Promise<boolean> {
    const { db, holder } = this.#parts;
    const batches = await this.#collect(head.size, pending);
    const edge = this.#edge.copy();
    for (const { entries } of batches) for (const { text, leaf } of entries) edge.append(text, leaf);
    const to = { size: edge.size, root: edge.root() };
    const isFirst = await db.transaction(async (tx) => {
      const until = (await tx.now()) + HOLD_MS;
      if (!(await advanceHead(tx, head, { ...to, holder, holder_until: until }))) return false;
      for (const { span, epoch } of batches) await addSpan(tx, span, epoch);
      return true;
    });
    if (!isFirst) return true;
    this.#grow(edge);
    // What was not remembered yet is being made durable: its turn comes.
    return edge.size - head.size >= STEP_MAX || (now && edge.size - head.size < countOf(pending));
  }

  async #collect(size: number, pending: readonly Unsequenced[]): Promise<Batch[]> {
    const batches: Batch[] = [];
    let index = size;
    for (const { epoch, n, done } of pending) {
      const count = Math.min(n - done, STEP_MAX - (index - size));
      if (count === 0) break;
      const entries = this.#remembered(epoch, done, count) ?? (await this.#read(epoch, done, count));
      const span = { first_index: index, first_seat: seatOf(epoch, done), entries: entries.length };
      batches.push({ span, epoch, entries });
      index += entries.length;
    }
    return batches;
  }

  /** As many as are remembered without a gap; undefined where the first is not. */
  #remembered(epoch: number, from: number, count: number): Written[] | undefined {
    const writer = this.#parts.writer();
    if (writer.epoch !== epoch) return undefined;
    const entries: Written[] = [];
    for (let n = from; n < from + count; n += 1) {
      const written = writer.recent(n);
      if (written === undefined) break;
      entries.push(written);
    }
    return entries.length === 0 ? undefined : entries;
  }

  async #read(epoch: number, from: number, count: number): Promise<Written[]> {
    const rows = await receiptsFrom(this.#parts.db, seatOf(epoch, from), count);
    const hole = rows.findIndex((row, at) => row.seat !== seatOf(epoch, from + at));
    if (rows.length !== count || hole >= 0) {
      const n = from + (hole < 0 ? rows.length : hole);
      throw new LogForked(`receipt ${n} of epoch ${epoch} was taken out of the database`);
    }
    return rows.map(({ body }) => ({ text: body, leaf: leafHash(body) }));
  }

  /** Appends what another replica sequenced, and holds its root against our own. */
  async #follow(head: HeadRow): Promise<boolean> {
    const edge = await followTo(this.#parts.db, this.#edge, Math.min(head.size, this.#edge.size + STEP_MAX));
    if (edge.size === head.size && edge.root() !== head.root) {
      throw new LogForked(`the database's root at ${head.size} entries is not that of its entries`);
    }
    this.#grow(edge);
    return true;
  }

  async #head(): Promise<HeadRow> {
    const head = await readHead(this.#parts.db);
    if (head === undefined) throw new LogForked('the database has lost its log');
    if (head.fork !== this.#fork)
      throw new LogForked(`another replica opened the origin ${head.origin}; start this one anew`);
    return head;
  }

  #grow(edge: Edge): void {
    edge.inherit(this.#edge);
    this.#edge = edge;
  }
}

function countOf(pending: readonly Unsequenced[]): number {
  return pending.reduce((sum, { n, done }) => sum + n - done, 0);
}

/** A copy of `edge` with the database's entries up to `size`. @throws LogForked where one is missing. */
export async function followTo(db: Database, edge: Edge, size: number): Promise<Edge> {
  const grown = edge.copy();
  while (grown.size < size) {
    const rows = await entriesFrom(db, grown.size, Math.min(STEP_MAX, size - grown.size));
    if (rows.length === 0) throw new LogForked(`entry ${grown.size} was taken out of the database`);
    for (const { log_index, body } of rows) {
      if (log_index !== grown.size) throw new LogForked(`entry ${grown.size} was taken out of the database`);
      grown.append(body, leafHash(body));
    }
  }
  return grown;
}
