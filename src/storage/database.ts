/**
 * The seam between what Sallyport remembers and where. Two drivers stand behind it, and one suite runs on both.
 *
 * Values cross it in one form: an integer is a number within 2^53, and one beyond that throws on reading and on binding
 * (a rounded index or amount is worse than an error); truth is 0 or 1; bytes are a `Uint8Array`.
 */
export type SqlValue = string | number | null | Uint8Array;
export type Row = Record<string, SqlValue>;

export interface Sql {
  /**
   * One statement in the subset that SQLite and PostgreSQL read alike, with `$1, $2 …` for its values; its rows, or those
   * of its `returning`. Texts are prepared once and kept: put values into `values`, never into the text.
   * @throws StorageError
   */
  query<R extends Row = Row>(text: string, values?: readonly SqlValue[]): Promise<R[]>;
  /** The database's clock, milliseconds since the Unix epoch. Expiries are compared with it, never with a replica's. */
  now(): Promise<number>;
}

export interface Transaction extends Sql {
  /**
   * Waits for, then holds until the end, the lock of that name; `shared` holders exclude only exclusive ones. What is read
   * after it is exact with respect to everyone who takes the same lock. SQLite runs one transaction at a time anyway.
   */
  lock(name: string, mode?: 'exclusive' | 'shared'): Promise<void>;
  /** Sends a hint on `channel` when, and only if, the transaction commits. */
  notify(channel: string): Promise<void>;
  /** Several statements without values, for migrations. */
  script(text: string): Promise<void>;
}

export interface Database extends Sql {
  readonly dialect: 'sqlite' | 'postgres';
  /**
   * Runs `work` in one transaction: commits durably when it returns, rolls back when it throws. A query that failed spoils
   * the transaction even if `work` swallowed the error. Inside `work` use `tx` only: using the database there waits for
   * oneself, so it throws. Bounded by `TRANSACTION_MS_MAX`.
   *
   * On PostgreSQL each statement sees what was committed before it began (read committed). What must hold until the commit
   * is held by a unique index, by a guarded update (`… where version = $1 returning …`) or by `tx.lock`.
   * @throws StorageError; its `kind` says whether to run it again.
   */
  transaction<T>(work: (tx: Transaction) => Promise<T>): Promise<T>;
  /** A hint to all processes on this database; may be lost. */
  notify(channel: string): Promise<void>;
  /** Calls `changed` after a notify, and whenever one may have been missed. The returned function ends it. */
  listen(channel: string, changed: () => void): () => void;
  /** Waits for the transaction under way, then closes. Everything after it throws. */
  close(): Promise<void>;
}

/** Longest life of one transaction, from the moment it has its connection. */
export const TRANSACTION_MS_MAX = 10_000;
/** Longest wait for one statement. */
export const STATEMENT_MS_MAX = 5_000;
/** Longest wait for a connection, or for another process to leave the database free. */
export const BUSY_MS_MAX = 5_000;
