import type { Clock } from '../../core/clock.ts';
import type { Database, Transaction } from '../../storage/index.ts';
import type { LedgerOptions } from './contract.ts';
import { Edge } from './edge.ts';
import type { EpochWriter } from './epoch.ts';
import type { LogFiles } from './files.ts';
import type { LedgerKeys } from './keys.ts';
import { EMPTY_ROOT, type Hash } from './merkle.ts';
import { formatProof } from './proof-file.ts';
import { inclusionProof } from './proofs.ts';
import { CHECKPOINT, HIGH_WATER, SETTLED } from './published-names.ts';
import { type Published, Publisher, publishedBefore } from './publisher.ts';
import { extend, recover } from './recovery.ts';
import { LogForked, Sequencer } from './sequencer.ts';
import { Serial } from './serial.ts';
import { createHead, forkHead, type HeadRow, readHead, receiptById, saveCheckpoint, spanOfSeat } from './store.ts';
import { tileNodes } from './tiles.ts';
import { Cosigner } from './witness.ts';

export type LogParts = {
  db: Database;
  clock: Clock;
  origin: string;
  keys: LedgerKeys;
  files: LogFiles;
  highWater: LogFiles;
  witnesses: LedgerOptions['witnesses'];
  defer: (work: () => void) => void;
  writer: () => EpochWriter;
  /** Told when the tree or what is published of it is another. */
  changed: () => void;
  report: (problem: string, error: unknown) => void;
};

/** Receipts get their places at most so long after their commit, and a signed checkpoint covers them after that. */
const SEQUENCE_MS = 100;
const PUBLISH_MS = 500;
/** So many do not wait for the time: their texts are kept in memory until then. */
const SEQUENCE_AT = 1_024;

type Open = { kind: 'open'; fork: number; sequencer: Sequencer; publisher: Publisher };
type State = Open | { kind: 'forked'; reason: string };

/** The transparency log over what the epochs wrote: sequenced, published, proven; or forked, until a person decides. */
export class TransparencyLog {
  readonly #parts: LogParts;
  readonly #listeners = new Set<(size: number) => void>();
  #state: State;
  #head: HeadRow;
  #cancel: (() => void) | undefined;
  readonly #sequencing = new Serial();
  readonly #publishing = new Serial();
  /** Receipts committed since sequencing last began. */
  #waiting = 0;
  #published_at = Number.NEGATIVE_INFINITY;
  #told = 0;

  private constructor(parts: LogParts, head: HeadRow, state: State) {
    this.#parts = parts;
    this.#head = head;
    this.#state = state;
    this.#told = head.size;
  }

  static async open(parts: LogParts): Promise<TransparencyLog> {
    await createHead(parts.db, parts.origin, EMPTY_ROOT);
    const head = (await readHead(parts.db))!;
    const log = new TransparencyLog(parts, head, { kind: 'forked', reason: 'the log has not been read yet' });
    await log.#recover();
    return log;
  }

  get forked(): string | undefined {
    return this.#state.kind === 'forked' ? this.#state.reason : undefined;
  }

  get origin(): string {
    return this.#head.origin;
  }

  get tree(): { size: number; root: Hash } {
    if (this.#state.kind === 'forked') return { size: this.#head.size, root: this.#head.root };
    const { edge } = this.#state.sequencer;
    return { size: edge.size, root: edge.root() };
  }

  get published(): Published | undefined {
    return this.#state.kind === 'open' ? this.#state.publisher.newest : undefined;
  }

  onGrowth(listener: (size: number) => void): () => void {
    const own = (size: number) => listener(size);
    this.#listeners.add(own);
    return () => this.#listeners.delete(own);
  }

  /** `count` receipts were committed: sequence them soon, and at once where many wait. */
  touch(count = 0): void {
    this.#waiting += count;
    if (this.#state.kind === 'forked') return;
    if (this.#waiting >= SEQUENCE_AT && !this.#sequencing.busy) {
      this.stop();
      this.#parts.defer(() => void this.run());
      return;
    }
    this.#cancel ??= this.#parts.clock.after(SEQUENCE_MS, () => {
      this.#cancel = undefined;
      void this.run();
    });
  }

  stop(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }

  /** Sequences what there is and publishes it if that is due, or `now`. Never throws: it reports. */
  async run({ now = false }: { now?: boolean } = {}): Promise<void> {
    await this.#sequencing.run(() => this.#guarded('sequenced', (state) => this.#sequence(state, now)));
    if (this.#mayPublish(now))
      await this.#publishing.run(() => this.#guarded('published', (state) => this.#publish(state)));
  }

  async #sequence({ sequencer }: Open, now: boolean): Promise<void> {
    this.#waiting = 0;
    await sequencer.run(now);
    const { size } = sequencer.edge;
    if (size === this.#told) return;
    this.#told = size;
    for (const listener of this.#listeners) listener(size);
    this.#parts.changed();
  }

  /** Files are written while the next receipts are sequenced, but never two publications at once. */
  #mayPublish(now: boolean): boolean {
    const state = this.#state;
    if (state.kind === 'forked' || !state.publisher.isDue(state.sequencer.edge.size)) return false;
    const isEarly = this.#parts.clock.monotonic() - this.#published_at < PUBLISH_MS;
    if (now || !(isEarly || this.#publishing.busy)) return true;
    this.touch();
    return false;
  }

  async #publish({ fork, sequencer, publisher }: Open): Promise<void> {
    if (!publisher.isDue(sequencer.edge.size)) return;
    this.#published_at = this.#parts.clock.monotonic();
    await publisher.publish(sequencer.edge.take());
    this.#parts.changed();
    // For replicas that did not sign it.
    if (publisher.newest !== undefined) await saveCheckpoint(this.#parts.db, fork, publisher.newest.text);
  }

  async #guarded(what: string, work: (state: Open) => Promise<void>): Promise<void> {
    const state = this.#state;
    if (state.kind === 'forked') return;
    try {
      await work(state);
    } catch (error) {
      if (error instanceof LogForked) this.#state = { kind: 'forked', reason: error.message };
      this.#parts.report(`the log could not be ${what}`, error);
      this.#parts.changed();
    }
  }

  /** Flushes what is published; rarely, and at the end. */
  async settle(): Promise<void> {
    if (this.#state.kind === 'open') await this.#state.publisher.settle();
  }

  async proof(id: string): Promise<string | undefined> {
    const row = await receiptById(this.#parts.db, id);
    const span = row && (await spanOfSeat(this.#parts.db, row.seat));
    if (row === undefined || span === undefined) return undefined;
    const index = span.first_index + row.seat - span.first_seat;
    const checkpoint = this.published;
    if (checkpoint === undefined || index >= checkpoint.size) return undefined;
    const nodes = tileNodes(checkpoint.size, (path) => this.#parts.files.read(path));
    const proof = await inclusionProof(index, checkpoint.size, nodes);
    return formatProof({ entry: row.body, index, proof, checkpoint: checkpoint.text });
  }

  /** Opens the next origin over the entries that the database has. `record` writes the receipt that names the old one. */
  async fork(record: (tx: Transaction, old: OldLog, now: { origin: string; root: Hash }) => Promise<string>) {
    this.stop();
    await this.#sequencing.idle();
    await this.#publishing.idle();
    const { db, origin: base, files, highWater } = this.#parts;
    const head = (await readHead(db))!;
    const old = await this.#oldLog(head);
    this.#state = { kind: 'forked', reason: 'a new origin is being opened' };
    await this.#setAside(head.fork);
    const fork = head.fork + 1;
    const origin = `${base}/${fork}`;
    const publisher = this.#publisher(origin, undefined, undefined);
    const edge = await extend(db, Edge.empty(), head.size, publisher);
    const receipt = await db.transaction(async (tx) => {
      const isOurs = await forkHead(tx, { fork, origin, size: edge.size, root: edge.root() });
      if (!isOurs) throw new Error('another replica opened a new origin at the same time');
      return record(tx, old, { origin, root: edge.root() });
    });
    await highWater.remove(HIGH_WATER);
    await files.remove(SETTLED);
    await files.remove(CHECKPOINT);
    this.#head = { ...head, fork, origin, size: edge.size, root: edge.root() };
    this.#state = this.#opened(fork, edge, publisher);
    await this.run({ now: true });
    return { origin, receipt };
  }

  /** What the old origin was known as: its high-water checkpoint, else the newest that the database has. */
  async #oldLog(head: HeadRow): Promise<OldLog> {
    const kept =
      (await this.#text(this.#parts.highWater, HIGH_WATER)) ?? (await this.#text(this.#parts.files, CHECKPOINT));
    const text = kept ?? head.checkpoint;
    const published = text === null ? undefined : publishedBefore(text, 0);
    if (published === undefined) return { origin: head.origin, size: head.size, root: head.root, checkpoint: null };
    return { origin: head.origin, size: published.size, root: published.root, checkpoint: published.text };
  }

  async #text(files: LogFiles, path: string): Promise<string | undefined> {
    const bytes = await files.read(path);
    return bytes && Buffer.from(bytes).toString('utf8');
  }

  /** The old origin's files stay as evidence; its checkpoints are copied, so that a crash in between leaves them in force. */
  async #setAside(fork: number): Promise<void> {
    const { files, highWater } = this.#parts;
    const folder = `forks/${fork}`;
    for (const [from, path] of [
      [files, CHECKPOINT],
      [highWater, HIGH_WATER],
    ] as const) {
      const bytes = await from.read(path);
      if (bytes !== undefined) await files.write(`${folder}/${path}`, bytes, { durable: true });
    }
    await files.move('tile', `${folder}/tile`);
  }

  async #recover(): Promise<void> {
    const { files, db } = this.#parts;
    try {
      const text = await this.#text(files, CHECKPOINT);
      const newest = text === undefined ? undefined : publishedBefore(text, this.#parts.clock.now());
      const publisher = this.#publisher(this.#head.origin, newest, await this.#text(files, SETTLED));
      const edge = await recover({ ...this.#parts, db }, this.#head, publisher);
      this.#state = this.#opened(this.#head.fork, edge, publisher);
    } catch (error) {
      if (!(error instanceof LogForked)) throw error;
      this.#state = { kind: 'forked', reason: error.message };
      this.#parts.report('the log is forked', error);
    }
  }

  #opened(fork: number, edge: Edge, publisher: Publisher): Open {
    const { db, clock, writer, defer } = this.#parts;
    const holder = writer().replica;
    const sequencer = new Sequencer({ db, clock, holder, writer, defer }, fork, edge);
    return { kind: 'open', fork, sequencer, publisher };
  }

  #publisher(origin: string, newest: Published | undefined, settled: string | undefined): Publisher {
    const { clock, keys, files, highWater, report } = this.#parts;
    const parts = { clock, origin, keys, files, highWater, report, cosigner: this.#cosigner() };
    return new Publisher(parts, newest, settled);
  }

  #cosigner(): Cosigner | undefined {
    const { witnesses, files, report } = this.#parts;
    if (witnesses === undefined || witnesses.known.length === 0) return undefined;
    return new Cosigner({
      witnesses: witnesses.known,
      required: witnesses.required,
      post: witnesses.post,
      nodes: (size) => tileNodes(size, (path) => files.read(path)),
      report,
    });
  }
}

export type OldLog = { origin: string; size: number; root: Hash; checkpoint: string | null };
