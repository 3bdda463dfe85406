import type { Migration, Row, Sql, Transaction } from '../../../storage/index.ts';
import type { Observing } from './mode.ts';

/** One row while the gateway observes, none while it enforces: what is lost enforces. */
export const modeMigration: Migration = {
  id: 'policy/0003-mode',
  sql: `create table policy_observing (slot bigint primary key, since bigint not null, until bigint not null,
          by_whom text not null, why text not null);`,
};

type ObservingRow = Row & { since: number; until: number; by_whom: string; why: string };

export async function readObserving(sql: Sql): Promise<Observing | undefined> {
  const [row] = await sql.query<ObservingRow>('select since, until, by_whom, why from policy_observing where slot = 1');
  return row && { since: row.since, until: row.until, by: row.by_whom, reason: row.why };
}

export async function writeObserving(tx: Transaction, { since, until, by, reason }: Observing): Promise<void> {
  await tx.query(
    `insert into policy_observing (slot, since, until, by_whom, why) values (1, $1, $2, $3, $4)
     on conflict (slot) do update set since = excluded.since, until = excluded.until, by_whom = excluded.by_whom,
       why = excluded.why`,
    [since, until, by, reason],
  );
}

export async function endObserving(tx: Transaction): Promise<void> {
  await tx.query('delete from policy_observing where slot = 1');
}
