import type { Migration, Row, Sql, Transaction } from '../../../storage/index.ts';

/** A workload that sends another issuer's token has a run here, found by a digest of who it is and its key. */
export const federationMigrations: readonly Migration[] = [
  {
    id: 'identity-federation/0001-runs',
    sql: `
      create table identity_foreign_runs (
        workload text primary key,
        run text not null,
        used_at bigint not null
      );`,
  },
];

/** The open run of this workload that was used since `used_since`. */
export async function loadForeignRun(
  tx: Transaction,
  workload: string,
  { now, used_since }: { now: number; used_since: number },
): Promise<{ id: string; expires_at: number } | undefined> {
  const rows = await tx.query<Row & { id: string; expires_at: number }>(
    `select r.id, r.expires_at from identity_foreign_runs f join identity_runs r on r.id = f.run
     where f.workload = $1 and f.used_at >= $2 and r.ended_at is null and r.expires_at > $3`,
    [workload, used_since, now],
  );
  return rows[0];
}

export async function saveForeignRun(sql: Sql, workload: string, run: string, used_at: number): Promise<void> {
  await sql.query(
    `insert into identity_foreign_runs (workload, run, used_at) values ($1, $2, $3)
     on conflict (workload) do update set run = excluded.run, used_at = excluded.used_at`,
    [workload, run, used_at],
  );
}

export async function pruneForeignRuns(sql: Sql, used_before: number): Promise<void> {
  await sql.query('delete from identity_foreign_runs where used_at < $1', [used_before]);
}
