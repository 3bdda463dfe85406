import type { Migration, Row, Sql, Transaction } from '../../../storage/index.ts';
import type { ShadowSet } from './contract.ts';

/** The set that runs beside, or the last one that did: its row stays until another takes its place. */
export const shadowMigration: Migration = {
  id: 'policy/0004-shadow',
  sql: `create table policy_shadow (slot bigint primary key, digest text not null references policy_sets (digest),
          since bigint not null, until bigint not null, set_by text not null, why text not null);`,
};

type ShadowRow = Row & { digest: string; since: number; until: number; set_by: string; why: string };

export async function readShadow(sql: Sql): Promise<ShadowSet | undefined> {
  const [row] = await sql.query<ShadowRow>(
    'select digest, since, until, set_by, why from policy_shadow where slot = 1',
  );
  return row && { set: row.digest, since: row.since, until: row.until, by: row.set_by, why: row.why };
}

export async function writeShadow(tx: Transaction, { set, since, until, by, why }: ShadowSet): Promise<void> {
  await tx.query(
    `insert into policy_shadow (slot, digest, since, until, set_by, why) values (1, $1, $2, $3, $4, $5)
     on conflict (slot) do update set digest = excluded.digest, since = excluded.since, until = excluded.until,
       set_by = excluded.set_by, why = excluded.why`,
    [set, since, until, by, why],
  );
}
