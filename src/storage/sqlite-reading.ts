import type { Clock } from '../core/clock.ts';
import type { Row, Sql, SqlValue } from './database.ts';
import { SqliteConnection } from './sqlite-connection.ts';
import { patiently } from './sqlite-patience.ts';

/** One connection that cannot write: SQLite itself refuses. It sees what was committed before each statement. */
export async function readSqlite(path: string, clock: Clock): Promise<Sql & { close(): Promise<void> }> {
  const connection = await patiently(clock, () => new SqliteConnection(path, { readOnly: true }));
  return {
    async query<R extends Row = Row>(text: string, values: readonly SqlValue[] = []): Promise<R[]> {
      return (await patiently(clock, () => connection.rows(text, values))) as R[];
    },
    now: async () => clock.now(),
    close: async () => connection.close(),
  };
}
