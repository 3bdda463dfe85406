import type { Row, Sql, Transaction } from '../../../storage/index.ts';
import type { Stop, StopKind } from '../contract.ts';

type StopRow = Row & {
  id: string;
  kind: StopKind;
  target: string | null;
  reason: string;
  made_by: string;
  since: number;
};

export async function loadStops(sql: Sql): Promise<Stop[]> {
  const rows = await sql.query<StopRow>(
    'select id, kind, target, reason, made_by, since from identity_stops order by since, id',
  );
  return rows.map((row) => ({
    stop: row.id,
    kind: row.kind,
    id: row.target,
    reason: row.reason,
    by: row.made_by,
    since: row.since,
    durable: true,
  }));
}

/** A stop that was tried before and whose answer was lost may be there already. False then. */
export async function insertStop(tx: Transaction, stop: Stop): Promise<boolean> {
  const rows = await tx.query(
    `insert into identity_stops (id, kind, target, reason, made_by, since) values ($1, $2, $3, $4, $5, $6)
     on conflict (id) do nothing returning id`,
    [stop.stop, stop.kind, stop.id, stop.reason, stop.by, stop.since],
  );
  return rows.length > 0;
}

export async function deleteStop(tx: Transaction, id: string): Promise<boolean> {
  return (await tx.query('delete from identity_stops where id = $1 returning id', [id])).length > 0;
}
