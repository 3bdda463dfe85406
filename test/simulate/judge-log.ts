import { parseCheckpoint } from '../../src/controls/audit/checkpoint.ts';
import type { Row } from '../../src/storage/index.ts';
import type { ReceiptBody } from './judge.ts';
import type { Server } from './server.ts';
import { leafOf, Tree } from './tree.ts';

type Span = Row & { first_index: number; first_seat: number; entries: number };

/** Holds the log against what it must be: gapless, each receipt naming the one before it, each index given once. */
export class LogJudge {
  readonly tree = new Tree();
  readonly #server: Server;
  readonly #fail: (line: string) => void;
  readonly #ids = new Set<string>();
  readonly #epochs = new Map<number, { n: number; leaf: string | null }>();
  readonly #spans = new Map<number, Span>();
  readonly #checkpoints = new Map<string, number>();

  constructor(server: Server, fail: (line: string) => void) {
    this.#server = server;
    this.#fail = fail;
  }

  get receipts(): number {
    return this.#ids.size;
  }

  has(id: string): boolean {
    return this.#ids.has(id);
  }

  written(body: ReceiptBody, text: string): void {
    const place = this.#epochs.get(body.epoch) ?? { n: 0, leaf: null };
    if (body.n !== place.n) this.#fail(`15: epoch ${body.epoch} goes on with ${body.n} instead of ${place.n}`);
    if (body.prev !== place.leaf) this.#fail(`15: ${body.id} does not name the receipt before it`);
    if (this.#ids.has(body.id)) this.#fail(`15: the id ${body.id} was given twice`);
    this.#ids.add(body.id);
    this.#epochs.set(body.epoch, { n: body.n + 1, leaf: leafOf(text) });
  }

  /** Looks at the log's head, where it moved. */
  sequenced(): void {
    const head = this.#server.look<Row & { size: number; root: string }>('select size, root from audit_head')[0];
    if (head === undefined) return;
    if (head.size < this.tree.size) {
      this.#fail(`15: the log shrank from ${this.tree.size} to ${head.size}`);
      return;
    }
    const spans = this.#server.look<Span>(
      'select first_index, first_seat, entries from audit_spans order by first_index',
    );
    this.#compare(spans);
    for (const span of spans) this.#extend(span);
    if (head.size !== this.tree.size) this.#fail(`15: the head says ${head.size}, its spans hold ${this.tree.size}`);
    else if (head.root !== this.tree.root())
      this.#fail(`15: the head's root at ${head.size} is not that of its entries`);
  }

  #compare(spans: readonly Span[]): void {
    const now = new Map(spans.map((span) => [span.first_index, span]));
    for (const known of this.#spans.values()) {
      const is = now.get(known.first_index);
      if (is?.first_seat !== known.first_seat || is.entries !== known.entries) {
        this.#fail(`15: index ${known.first_index} was given again`);
      }
    }
  }

  #extend(span: Span): void {
    if (this.#spans.has(span.first_index)) return;
    this.#spans.set(span.first_index, span);
    if (span.first_index !== this.tree.size) {
      this.#fail(`15: entries at ${span.first_index} in a log of ${this.tree.size}`);
      return;
    }
    const rows = this.#server.look<Row & { body: string }>(
      'select body from audit_receipts where seat >= $1 and seat < $2 order by seat',
      [span.first_seat, span.first_seat + span.entries],
    );
    if (rows.length !== span.entries) {
      this.#fail(`15: entries after ${span.first_index} are missing`);
      return;
    }
    for (const { body } of rows) this.tree.append(body);
  }

  /** A replica has put a checkpoint before the world's eyes. */
  published(replica: string, path: string, bytes: Uint8Array): void {
    if (path !== 'checkpoint' && path !== 'high-water') return;
    const checkpoint = parseCheckpoint(Buffer.from(bytes).toString());
    if (checkpoint === undefined) {
      this.#fail(`15: ${replica} publishes no checkpoint but something else`);
      return;
    }
    const { size, root } = checkpoint;
    if (size > this.tree.size) {
      this.#fail(`15: ${replica} signs ${size} entries, ${this.tree.size} are durable`);
      return;
    }
    if (this.tree.rootAt(size) !== root) this.#fail(`15: ${replica} signs another root at ${size} than the log has`);
    const key = `${replica} ${path}`;
    if (size < (this.#checkpoints.get(key) ?? 0)) this.#fail(`15: ${replica} goes back to a checkpoint of ${size}`);
    this.#checkpoints.set(key, size);
  }

  publishedSize(replica: string): number {
    return this.#checkpoints.get(`${replica} checkpoint`) ?? 0;
  }
}
