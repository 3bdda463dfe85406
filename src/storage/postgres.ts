import { createHash } from 'node:crypto';
import pg from 'pg';
import type { Clock } from '../core/clock.ts';
import {
  BUSY_MS_MAX,
  type Database,
  type Row,
  type SqlValue,
  STATEMENT_MS_MAX,
  TRANSACTION_MS_MAX,
  type Transaction,
} from './database.ts';
import { within } from './deadline.ts';
import { StorageError } from './errors.ts';
import { Hints } from './hints.ts';
import { assertOutside, runInside } from './inside.ts';
import { breaksConnection, postgresError } from './postgres-errors.ts';
import { PostgresListener } from './postgres-listener.ts';
import { valueReaders } from './postgres-values.ts';
import { readStatement, type StatementText } from './statement-text.ts';
import { checkValues } from './values.ts';

const CONNECTIONS_MAX = 10;
/** Texts are constants of the code; beyond the bound they are sent unprepared. */
const STATEMENTS_MAX = 1_000;

/**
 * The shared database. Statements are prepared by name once per connection; what a transaction sends together travels
 * together (pipelined). Every wait has an end on both sides: the server's own timeouts, which leave the connection usable
 * and free the locks of a replica that was cut off in the middle, and behind them the client's, which break it.
 */
export async function openPostgres({ url, clock }: { url: string; clock: Clock }): Promise<Database> {
  const options = connectionOptions(url);
  const pool = new pg.Pool({
    ...options,
    max: CONNECTIONS_MAX,
    idleTimeoutMillis: 30_000,
    onConnect: async (client) => {
      // Without a listener the loss of a connection in use would end the process.
      client.on('error', () => {});
      await client.query(SESSION);
    },
  });
  pool.on('error', () => {});
  const hints = new Hints();
  const database = new PostgresDatabase(pool, clock, hints, new PostgresListener(options, clock, hints));
  try {
    await database.now();
  } catch (error) {
    await database.close();
    throw error;
  }
  return database;
}

/** `synchronous_commit`: a server set to lose the last commits would lose intents whose effects have happened. */
const SESSION = `select set_config('synchronous_commit', 'on', false)
    where current_setting('synchronous_commit') in ('off', 'local');
  set bytea_output = 'hex'; set standard_conforming_strings = on;`;

function connectionOptions(url: string): pg.ClientConfig & { pipeline: boolean } {
  return {
    connectionString: url,
    application_name: 'sallyport',
    connectionTimeoutMillis: BUSY_MS_MAX,
    statement_timeout: STATEMENT_MS_MAX,
    lock_timeout: STATEMENT_MS_MAX,
    idle_in_transaction_session_timeout: STATEMENT_MS_MAX,
    query_timeout: STATEMENT_MS_MAX + 1_000,
    keepAlive: true,
    pipeline: true,
    types: valueReaders,
  };
}

type Statement = StatementText & { name: string | undefined };

class PostgresDatabase implements Database {
  readonly dialect = 'postgres';
  readonly #pool: pg.Pool;
  readonly #clock: Clock;
  readonly #hints: Hints;
  readonly #listener: PostgresListener;
  readonly #statements = new Map<string, Statement>();
  #closed = false;

  constructor(pool: pg.Pool, clock: Clock, hints: Hints, listener: PostgresListener) {
    this.#pool = pool;
    this.#clock = clock;
    this.#hints = hints;
    this.#listener = listener;
  }

  async query<R extends Row = Row>(text: string, values: readonly SqlValue[] = []): Promise<R[]> {
    assertOutside(this);
    const statement = this.#statement(text);
    checkValues(values, statement.values);
    const client = await this.#connect();
    let broken = false;
    try {
      return await send<R>(client, statement, text, values);
    } catch (error) {
      broken = breaksConnection(error);
      throw postgresError(error, statement.reads ? 'nothing that lasts' : 'a commit');
    } finally {
      client.release(broken);
    }
  }

  async transaction<T>(work: (tx: Transaction) => Promise<T>): Promise<T> {
    assertOutside(this);
    const client = await this.#connect();
    const tx = new PostgresTransaction(client, (text) => this.#statement(text));
    let broken = true;
    try {
      const result = await runInside(this, () => this.#transact(client, tx, work));
      broken = false;
      return result;
    } catch (error) {
      // First of all: a query sent after the rollback would be committed by itself.
      tx.end();
      broken = tx.broken || !(await rolledBack(client));
      throw error;
    } finally {
      client.release(broken);
    }
  }

  async notify(channel: string): Promise<void> {
    await this.query('select pg_notify($1, $2)', [channel, '']);
  }

  listen(channel: string, changed: () => void): () => void {
    const end = this.#hints.listen(channel, changed);
    if (!this.#closed) this.#listener.listen(channel);
    return end;
  }

  async now(): Promise<number> {
    return nowOf(await this.query(NOW));
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#hints.clear();
    await this.#listener.close();
    await this.#pool.end();
  }

  async #transact<T>(
    client: pg.PoolClient,
    tx: PostgresTransaction,
    work: (tx: Transaction) => Promise<T>,
  ): Promise<T> {
    await tx.command('begin isolation level read committed');
    const result = await within(this.#clock, TRANSACTION_MS_MAX, work(tx));
    await tx.settle();
    await commit(client, tx);
    return result;
  }

  async #connect(): Promise<pg.PoolClient> {
    if (this.#closed) throw new StorageError('closed', 'the database is closed');
    try {
      return await this.#pool.connect();
    } catch (error) {
      throw postgresError(error, 'nothing that lasts');
    }
  }

  #statement(text: string): Statement {
    let statement = this.#statements.get(text);
    if (statement === undefined) {
      const prepared = this.#statements.size < STATEMENTS_MAX;
      statement = { ...readStatement(text), name: prepared ? `s${this.#statements.size}` : undefined };
      if (prepared) this.#statements.set(text, statement);
    }
    return statement;
  }
}

const NOW = 'select floor(extract(epoch from clock_timestamp()) * 1000)::bigint as now';

function nowOf(rows: Row[]): number {
  return rows[0]!['now'] as number;
}

async function send<R extends Row>(
  client: pg.PoolClient,
  statement: Statement,
  text: string,
  values: readonly SqlValue[],
): Promise<R[]> {
  const config = statement.name === undefined ? { text } : { text, name: statement.name };
  const result = await client.query<R>({ ...config, values: values as SqlValue[] });
  return result.rows;
}

async function commit(client: pg.PoolClient, tx: PostgresTransaction): Promise<void> {
  let command: string;
  try {
    command = (await client.query('commit')).command;
  } catch (error) {
    tx.broken = true;
    throw postgresError(error, 'a commit');
  }
  // Asked to commit a failed transaction, PostgreSQL rolls back and calls it a success.
  if (command !== 'COMMIT') throw new StorageError('conflict', `the server answered the commit with ${command}`);
}

async function rolledBack(client: pg.PoolClient): Promise<boolean> {
  try {
    await client.query('rollback');
    return true;
  } catch {
    return false;
  }
}

class PostgresTransaction implements Transaction {
  broken = false;
  readonly #client: pg.PoolClient;
  readonly #statement: (text: string) => Statement;
  readonly #pending = new Set<Promise<unknown>>();
  #over = false;
  #failure: { error: unknown } | undefined;

  constructor(client: pg.PoolClient, statement: (text: string) => Statement) {
    this.#client = client;
    this.#statement = statement;
  }

  async query<R extends Row = Row>(text: string, values: readonly SqlValue[] = []): Promise<R[]> {
    return this.#attempt(() => {
      const statement = this.#statement(text);
      checkValues(values, statement.values);
      return send<R>(this.#client, statement, text, values);
    });
  }

  async now(): Promise<number> {
    return nowOf(await this.query(NOW));
  }

  async lock(name: string, mode: 'exclusive' | 'shared' = 'exclusive'): Promise<void> {
    const key = createHash('sha256').update(`sallyport/${name}`).digest().readBigInt64BE().toString();
    // As a statement of its own: read committed, so what comes after it sees everything that the wait was for.
    await this.query(mode === 'shared' ? SHARED_LOCK : EXCLUSIVE_LOCK, [key]);
  }

  async notify(channel: string): Promise<void> {
    await this.query('select pg_notify($1, $2)', [channel, '']);
  }

  async script(text: string): Promise<void> {
    await this.command(text);
  }

  async command(text: string): Promise<void> {
    await this.#attempt(() => this.#client.query(text));
  }

  /** Waits for what `work` sent and did not await. @throws what a query failed with, even if `work` swallowed it. */
  async settle(): Promise<void> {
    await Promise.allSettled(this.#pending);
    this.#over = true;
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  end(): void {
    this.#over = true;
  }

  async #attempt<T>(work: () => Promise<T>): Promise<T> {
    if (this.#over) throw new Error('the transaction is over');
    if (this.#failure !== undefined) throw this.#failure.error;
    const pending = this.#run(work);
    this.#pending.add(pending);
    try {
      return await pending;
    } finally {
      this.#pending.delete(pending);
    }
  }

  async #run<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (breaksConnection(error)) this.broken = true;
      const failure = postgresError(error, 'nothing that lasts');
      this.#failure ??= { error: failure };
      throw failure;
    }
  }
}

const EXCLUSIVE_LOCK = 'select pg_advisory_xact_lock($1::bigint)';
const SHARED_LOCK = 'select pg_advisory_xact_lock_shared($1::bigint)';
