import type { Row, Sql, Transaction } from '../../../storage/index.ts';

/** A hop as it was signed. What is outside the signature says where it stands, and is held against it. */
export type StoredHop = {
  id: string;
  parent: string | null;
  actor: string;
  /** The run that it was redeemed for; null before. */
  run: string | null;
  signed: string;
  issued_at: number;
  expires_at: number;
};

const COLUMNS = 'id, parent, actor, run, signed, issued_at, expires_at';

export async function insertHop(tx: Transaction, hop: StoredHop): Promise<void> {
  const { id, parent, actor, run, signed, issued_at, expires_at } = hop;
  await tx.query(`insert into identity_delegations (${COLUMNS}) values ($1, $2, $3, $4, $5, $6, $7)`, [
    id,
    parent,
    actor,
    run,
    signed,
    issued_at,
    expires_at,
  ]);
}

export async function loadHop(sql: Sql, id: string): Promise<StoredHop | undefined> {
  return (await sql.query<Row & StoredHop>(`select ${COLUMNS} from identity_delegations where id = $1`, [id]))[0];
}

/** The newest first. */
export async function listHops(sql: Sql, now: number, limit: number): Promise<StoredHop[]> {
  return sql.query<Row & StoredHop>(
    `select ${COLUMNS} from identity_delegations where expires_at > $1 order by issued_at desc, id limit $2`,
    [now, limit],
  );
}

/** False where it was redeemed already. */
export async function saveHopRun(tx: Transaction, id: string, run: string): Promise<boolean> {
  const rows = await tx.query('update identity_delegations set run = $2 where id = $1 and run is null returning id', [
    id,
    run,
  ]);
  return rows.length > 0;
}

/** Those that nobody redeemed. By the others runs acted, and their receipts are read for as long as the log is. */
export async function pruneHops(sql: Sql, before: number): Promise<void> {
  await sql.query('delete from identity_delegations where expires_at < $1 and run is null', [before]);
}
