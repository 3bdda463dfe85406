import { hash } from 'node:crypto';
import type { Row, Sql, Transaction } from '../../../storage/index.ts';

/**
 * What oidc-provider keeps (codes, refresh tokens, interactions, device codes …): a row for each, which ends by itself. Ids
 * of most are secrets, so a row is found by the hash of its id and holds it nowhere.
 */
export type StoredArtefact = { payload: Record<string, unknown>; consumed_at: number | null; expires_at: number };

/** So many unexpired rows of one kind, or the next is refused: strangers may begin what nobody finishes. */
const ROWS_MAX = 10_000;

type ArtefactRow = Row & { payload: string; consumed_at: number | null; expires_at: number };

const COLUMNS = 'payload, consumed_at, expires_at';

export function rowId(id: string): string {
  return hash('sha256', id, 'hex');
}

function readRow(row: ArtefactRow | undefined): StoredArtefact | undefined {
  if (row === undefined) return undefined;
  return { payload: JSON.parse(row.payload), consumed_at: row.consumed_at, expires_at: row.expires_at };
}

export async function findArtefact(sql: Sql, model: string, id: string): Promise<StoredArtefact | undefined> {
  const rows = await sql.query<ArtefactRow>(`select ${COLUMNS} from identity_artefacts where model = $1 and id = $2`, [
    model,
    rowId(id),
  ]);
  return readRow(rows[0]);
}

export async function findByUserCode(
  sql: Sql,
  user_code: string,
): Promise<(StoredArtefact & { row: string }) | undefined> {
  const rows = await sql.query<ArtefactRow & { id: string }>(
    `select ${COLUMNS}, id from identity_artefacts where user_code = $1`,
    [rowId(user_code)],
  );
  const read = readRow(rows[0]);
  return read === undefined ? undefined : { ...read, row: rows[0]!.id };
}

export type NewArtefact = {
  model: string;
  id: string;
  payload: Record<string, unknown>;
  grant: string | undefined;
  user_code: string | undefined;
  expires_at: number;
};

/** False where there are too many of its kind. A row that is there already is written anew. */
export async function saveArtefact(sql: Sql, artefact: NewArtefact, now: number): Promise<boolean> {
  const { model, id, payload, grant, user_code, expires_at } = artefact;
  const rows = await sql.query(
    `insert into identity_artefacts (model, id, grant_id, user_code, expires_at, payload)
     select $1, $2, $3, $4, $5, $6
     where (select count(*) from (select 1 from identity_artefacts where model = $1 and expires_at > $7 limit $8) as live) < $8
     on conflict (model, id) do update set payload = excluded.payload, expires_at = excluded.expires_at,
       grant_id = excluded.grant_id, user_code = coalesce(excluded.user_code, identity_artefacts.user_code)
     returning id`,
    [
      model,
      rowId(id),
      grant ?? null,
      user_code === undefined ? null : rowId(user_code),
      expires_at,
      JSON.stringify(payload),
      now,
      ROWS_MAX,
    ],
  );
  return rows.length > 0;
}

/** Undefined where somebody was quicker: what counts once is taken by one statement. */
export async function consumeArtefact(sql: Sql, model: string, id: string, now: number): Promise<boolean> {
  const rows = await sql.query(
    `update identity_artefacts set consumed_at = $3 where model = $1 and id = $2 and consumed_at is null returning id`,
    [model, rowId(id), now],
  );
  return rows.length > 0;
}

export async function deleteArtefact(sql: Sql, model: string, id: string): Promise<void> {
  await sql.query('delete from identity_artefacts where model = $1 and id = $2', [model, rowId(id)]);
}

export async function deleteOfGrant(sql: Sql, model: string, grant: string): Promise<void> {
  await sql.query('delete from identity_artefacts where model = $1 and grant_id = $2', [model, grant]);
}

/** Writes a person's decision into a device code that waits for one. False where it was decided or has expired. */
export async function decideDevice(
  tx: Transaction,
  { row, before, after, now }: { row: string; before: object; after: object; now: number },
): Promise<boolean> {
  const rows = await tx.query(
    `update identity_artefacts set payload = $3
     where model = 'DeviceCode' and id = $1 and payload = $2 and expires_at > $4 and consumed_at is null returning id`,
    [row, JSON.stringify(before), JSON.stringify(after), now],
  );
  return rows.length > 0;
}

export async function pruneArtefacts(sql: Sql, before: number): Promise<void> {
  await sql.query('delete from identity_artefacts where expires_at < $1', [before]);
  await sql.query('delete from identity_grants where expires_at < $1', [before]);
}

/** What a person let a client do: the agent that it acts as, for one job, in their name. */
export type StoredGrant = {
  id: string;
  client: string;
  agent: string;
  generation: number;
  job: string;
  person: string;
  /** The run that its tokens are for; null before the first one. */
  run: string | null;
  granted_at: number;
  expires_at: number;
};

const GRANT_COLUMNS = 'id, client, agent, generation, job, person, run, granted_at, expires_at';

export async function insertGrant(tx: Transaction, grant: StoredGrant): Promise<void> {
  const { id, client, agent, generation, job, person, run, granted_at, expires_at } = grant;
  await tx.query(`insert into identity_grants (${GRANT_COLUMNS}) values ($1, $2, $3, $4, $5, $6, $7, $8, $9)`, [
    id,
    client,
    agent,
    generation,
    job,
    person,
    run,
    granted_at,
    expires_at,
  ]);
}

export async function loadGrant(sql: Sql, id: string): Promise<StoredGrant | undefined> {
  const rows = await sql.query<Row & StoredGrant>(`select ${GRANT_COLUMNS} from identity_grants where id = $1`, [id]);
  return rows[0];
}

/** The newest first; of everybody where no person is named. */
export async function listGrants(
  sql: Sql,
  person: string | undefined,
  now: number,
  limit: number,
): Promise<StoredGrant[]> {
  return sql.query<Row & StoredGrant>(
    `select ${GRANT_COLUMNS} from identity_grants where ($1 = '' or person = $1) and expires_at > $2
     order by granted_at desc, id limit $3`,
    [person ?? '', now, limit],
  );
}

export async function grantsOf(tx: Transaction, person: string): Promise<readonly string[]> {
  const rows = await tx.query<Row & { id: string }>('select id from identity_grants where person = $1 order by id', [
    person,
  ]);
  return rows.map(({ id }) => id);
}

/** False where the grant has ended meanwhile. */
export async function saveGrantRun(tx: Transaction, id: string, run: string): Promise<boolean> {
  const rows = await tx.query('update identity_grants set run = $2 where id = $1 returning id', [id, run]);
  return rows.length > 0;
}

/** The grant as it was, where there was one; everything that was issued under it goes with it. */
export async function deleteGrant(tx: Transaction, id: string): Promise<StoredGrant | undefined> {
  const rows = await tx.query<Row & StoredGrant>(
    `delete from identity_grants where id = $1 returning ${GRANT_COLUMNS}`,
    [id],
  );
  await tx.query('delete from identity_artefacts where grant_id = $1', [id]);
  await tx.query(`delete from identity_artefacts where model = 'Grant' and id = $1`, [rowId(id)]);
  return rows[0];
}

export async function findGrantOfRun(sql: Sql, run: string): Promise<string | undefined> {
  const rows = await sql.query<Row & { id: string }>('select id from identity_grants where run = $1', [run]);
  return rows[0]?.id;
}

/** Grants an agent one more job, and says which registration of it this is. */
export async function saveAgentJobs(tx: Transaction, agent: string, job: string): Promise<number> {
  const rows = await tx.query<Row & { jobs: string; generation: number }>(
    'select jobs, generation from identity_agents where id = $1',
    [agent],
  );
  const { jobs, generation } = rows[0]!;
  const known: string[] = JSON.parse(jobs);
  if (!known.includes(job)) {
    const all = JSON.stringify([...known, job].sort());
    await tx.query('update identity_agents set jobs = $2 where id = $1', [agent, all]);
  }
  return generation;
}
