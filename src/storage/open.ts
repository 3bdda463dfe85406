import type { Clock } from '../core/clock.ts';
import type { Database } from './database.ts';
import { openSqlite } from './sqlite.ts';

/**
 * `sqlite:<path>`, `sqlite::memory:` or `postgres://…`. Creates the folder and file of a path; tables are `migrate`'s.
 * @throws StorageError `unavailable`
 */
export async function openDatabase({ url, clock }: { url: string; clock: Clock }): Promise<Database> {
  if (url.startsWith('sqlite:')) return openSqlite({ path: url.slice('sqlite:'.length), clock });
  throw new Error('the database address begins with neither sqlite: nor postgres:');
}
