import type { Clock } from '../core/clock.ts';
import type { Database } from './database.ts';
import { openPostgres } from './postgres.ts';
import { openSqlite } from './sqlite.ts';

/**
 * `sqlite:<path>`, `sqlite::memory:` or `postgres://…`. A path's folder and file are created; tables are `migrate`'s.
 * @throws StorageError `unavailable`
 */
export async function openDatabase({ url, clock }: { url: string; clock: Clock }): Promise<Database> {
  if (url.startsWith('sqlite:')) return openSqlite({ path: url.slice('sqlite:'.length), clock });
  if (/^postgres(?:ql)?:\/\//.test(url)) return openPostgres({ url, clock });
  throw new Error('the database address begins with neither sqlite: nor postgres:');
}
