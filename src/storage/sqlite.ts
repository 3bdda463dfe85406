import { chmodSync, closeSync, mkdirSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Clock } from '../core/clock.ts';
import { type Database, type Row, type SqlValue, TRANSACTION_MS_MAX, type Transaction } from './database.ts';
import { within } from './deadline.ts';
import { StorageError } from './errors.ts';
import { Hints } from './hints.ts';
import { assertOutside, runInside } from './inside.ts';
import { SqliteConnection } from './sqlite-connection.ts';
import { sqliteCommitError, sqliteError } from './sqlite-errors.ts';
import { patiently } from './sqlite-patience.ts';
import { readStatement } from './statement-text.ts';
import { type TurnOrder, Turns } from './turns.ts';
import { WalSync } from './wal-sync.ts';

/**
 * The embedded database: node:sqlite on the thread that asks (docs/decisions says why). One connection writes, in turns;
 * another reads what is committed, so that reading never waits for a transaction that is under way. A database in memory
 * has one connection, so there its readers take turns too.
 */
export async function openSqlite(from: {
  path: string;
  clock: Clock;
  turns?: TurnOrder | undefined;
  alone?: boolean | undefined;
}): Promise<Database> {
  const { path, clock, turns = new Turns(), alone = false } = from;
  const inMemory = path === ':memory:';
  if (!inMemory) prepareFile(path);
  const writer = new SqliteConnection(path, { readOnly: false });
  // Another process that opens the file for the first time holds it for a moment.
  await patiently(clock, () => writer.script(inMemory ? SETTINGS : SETTINGS + DURABLE));
  if (inMemory) return new SqliteDatabase(clock, { turns, writer });
  const reader = new SqliteConnection(path, { readOnly: true });
  return new SqliteDatabase(clock, { turns, writer, reader, wal: new WalSync(path, clock, { alone }) });
}

/** `secure_delete`: what is deleted is written over in its page, so that an erased key is gone and not only unlinked. */
const SETTINGS =
  'pragma foreign_keys = on; pragma trusted_schema = off; pragma temp_store = memory; pragma secure_delete = fast;';
/**
 * `normal`, since `WalSync` flushes each commit; SQLite itself flushes around checkpoints, so that the file stays whole.
 * `page_size`: of receipts, pages of 4 kB hold one or two and are a third empty. `wal_autocheckpoint`: pages that every
 * commit touches are written back once for 16 MB.
 * `fullfsync`: on macOS a plain fsync leaves the data in the disk's own cache. The first write makes the log.
 */
const DURABLE = `pragma page_size = 8192; pragma journal_mode = wal; pragma synchronous = normal; pragma fullfsync = on;
  pragma checkpoint_fullfsync = on; pragma journal_size_limit = 67108864; pragma wal_autocheckpoint = 2000;
  pragma cache_size = -16384; begin immediate; pragma user_version = 1; commit;`;

/** The folder holds keys and sealed payloads beside the database: nobody else's business. */
function prepareFile(path: string): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  closeSync(openSync(path, 'a', 0o600));
  // The write-ahead log takes its mode from the file.
  chmodSync(path, 0o600);
}

type SqliteParts = { turns: TurnOrder; writer: SqliteConnection; reader?: SqliteConnection; wal?: WalSync };

type Committed<T> = { result: T; channels: ReadonlySet<string>; durable: Promise<void> | undefined };

class SqliteDatabase implements Database {
  readonly dialect = 'sqlite';
  readonly #clock: Clock;
  readonly #writer: SqliteConnection;
  /** Undefined in memory. */
  readonly #reader: SqliteConnection | undefined;
  readonly #wal: WalSync | undefined;
  readonly #turns: TurnOrder;
  readonly #hints = new Hints();
  readonly #reads = new Map<string, boolean>();
  #closed = false;

  constructor(clock: Clock, parts: SqliteParts) {
    this.#clock = clock;
    this.#turns = parts.turns;
    this.#writer = parts.writer;
    this.#reader = parts.reader;
    this.#wal = parts.wal;
  }

  async query<R extends Row = Row>(text: string, values: readonly SqlValue[] = []): Promise<R[]> {
    assertOutside(this);
    this.#assertOpen();
    if (this.#reader !== undefined && this.#readsOnly(text)) {
      const reader = this.#reader;
      return (await patiently(this.#clock, () => reader.rows(text, values))) as R[];
    }
    const { rows, durable } = await this.#inTurn(async () => {
      const found = await patiently(this.#clock, () => this.#writer.rows(text, values) as R[]);
      return { rows: found, durable: this.#readsOnly(text) ? undefined : this.#wal?.flushed() };
    });
    await durable;
    return rows;
  }

  async transaction<T>(work: (tx: Transaction) => Promise<T>): Promise<T> {
    assertOutside(this);
    const { result, channels, durable } = await this.#inTurn(() => runInside(this, () => this.#transact(work)));
    // Whoever comes next may write meanwhile.
    await durable;
    for (const channel of channels) this.#hints.send(channel);
    return result;
  }

  async notify(channel: string): Promise<void> {
    this.#assertOpen();
    this.#hints.send(channel);
  }

  listen(channel: string, changed: () => void): () => void {
    return this.#hints.listen(channel, changed);
  }

  async now(): Promise<number> {
    return this.#clock.now();
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    await this.#inTurn(async () => {
      this.#closed = true;
      this.#hints.clear();
      await this.#wal?.flushed().catch(() => undefined);
      this.#wal?.close();
      this.#reader?.close();
      this.#writer.close();
    });
  }

  async #transact<T>(work: (tx: Transaction) => Promise<T>): Promise<Committed<T>> {
    await patiently(this.#clock, () => this.#writer.script('begin immediate'));
    const tx = new SqliteTransaction(this.#writer, this.#clock);
    let result: T;
    try {
      result = await within(this.#clock, TRANSACTION_MS_MAX, work(tx));
      tx.end();
    } catch (error) {
      tx.abandon();
      this.#rollBack();
      throw error;
    }
    this.#commit();
    return { result, channels: tx.channels, durable: this.#wal?.flushed() };
  }

  #commit(): void {
    try {
      this.#writer.script('commit');
    } catch (error) {
      this.#rollBack();
      throw sqliteCommitError(error);
    }
  }

  /** SQLite has rolled back by itself after some failures (disk full, out of memory). */
  #rollBack(): void {
    if (this.#writer.inTransaction) this.#writer.script('rollback');
  }

  async #inTurn<T>(work: () => Promise<T> | T): Promise<T> {
    await this.#turns.take();
    try {
      this.#assertOpen();
      return await work();
    } finally {
      this.#turns.pass();
    }
  }

  #readsOnly(text: string): boolean {
    let reads = this.#reads.get(text);
    if (reads === undefined) {
      reads = readStatement(text).reads;
      if (this.#reads.size < 4096) this.#reads.set(text, reads);
    }
    return reads;
  }

  #assertOpen(): void {
    if (this.#closed) throw new StorageError('closed', 'the database is closed');
  }
}

class SqliteTransaction implements Transaction {
  readonly channels = new Set<string>();
  readonly #connection: SqliteConnection;
  readonly #clock: Clock;
  #state: 'open' | 'over' = 'open';
  #failure: { error: unknown } | undefined;

  constructor(connection: SqliteConnection, clock: Clock) {
    this.#connection = connection;
    this.#clock = clock;
  }

  async query<R extends Row = Row>(text: string, values: readonly SqlValue[] = []): Promise<R[]> {
    return this.#attempt(() => this.#connection.rows(text, values) as R[]);
  }

  async now(): Promise<number> {
    return this.#clock.now();
  }

  async script(text: string): Promise<void> {
    this.#attempt(() => this.#connection.script(text));
  }

  async lock(): Promise<void> {
    this.#assertUsable();
  }

  async notify(channel: string): Promise<void> {
    this.#assertUsable();
    this.channels.add(channel);
  }

  /** @throws what a query failed with, so that a swallowed failure is never committed. */
  end(): void {
    this.#state = 'over';
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  abandon(): void {
    this.#state = 'over';
  }

  #attempt<T>(work: () => T): T {
    this.#assertUsable();
    try {
      return work();
    } catch (error) {
      const failure = sqliteError(error);
      this.#failure = { error: failure };
      throw failure;
    }
  }

  #assertUsable(): void {
    if (this.#state === 'over') throw new Error('the transaction is over');
    // As PostgreSQL does: after a failure nothing more is taken until the end.
    if (this.#failure !== undefined) throw this.#failure.error;
  }
}
