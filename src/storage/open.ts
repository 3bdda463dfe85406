import type { Clock } from '../core/clock.ts';
import type { Database, Sql } from './database.ts';
import { openPostgres } from './postgres.ts';
import { openSqlite } from './sqlite.ts';
import { readSqlite } from './sqlite-reading.ts';
import type { TurnOrder } from './turns.ts';

/**
 * `sqlite:<path>`, `sqlite::memory:` or `postgres://…`. A path's folder and file are created; tables are `migrate`'s.
 * `turns`: who writes to SQLite when, if not only this object does; `alone`: this thread serves nobody but those who commit.
 * @throws StorageError `unavailable`
 */
export async function openDatabase(from: {
  url: string;
  clock: Clock;
  turns?: TurnOrder;
  alone?: boolean;
}): Promise<Database> {
  const { url, clock, turns, alone } = from;
  if (url.startsWith('sqlite:')) return openSqlite({ path: url.slice('sqlite:'.length), clock, turns, alone });
  if (/^postgres(?:ql)?:\/\//.test(url)) return openPostgres({ url, clock });
  throw new Error('the database address begins with neither sqlite: nor postgres:');
}

/** A connection that only reads. */
export type Reading = Sql & { close(): Promise<void> };

/**
 * For who reads much of a database that exists, perhaps in another thread than those that write to it. One in memory belongs to
 * its connection and cannot be read so.
 * @throws StorageError `unavailable`
 */
export async function openReading({ url, clock }: { url: string; clock: Clock }): Promise<Reading> {
  return url.startsWith('sqlite:') ? readSqlite(url.slice('sqlite:'.length), clock) : openDatabase({ url, clock });
}
