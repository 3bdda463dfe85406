import type { Confidentiality, Integrity } from '../../../core/label.ts';
import type { Row, Sql, Transaction } from '../../../storage/index.ts';
import type { RunEntry } from '../contract.ts';

type RunRow = Row & {
  id: string;
  agent: string;
  job: string;
  opened_by: string;
  opened_at: number;
  expires_at: number;
  ended_at: number | null;
  purpose: string | null;
  subject: string | null;
  subject_name: string | null;
  delegation: string | null;
  confidentiality: Confidentiality;
  integrity: Integrity;
};

const COLUMNS =
  'id, agent, job, opened_by, opened_at, expires_at, ended_at, purpose, subject, subject_name, delegation, confidentiality, integrity';

function readRow({ confidentiality, integrity, ...row }: RunRow): RunEntry {
  return {
    id: row.id,
    agent: row.agent,
    job: row.job,
    opened_by: row.opened_by,
    opened_at: row.opened_at,
    expires_at: row.expires_at,
    purpose: row.purpose,
    subject: row.subject === null ? null : { id: row.subject, name: row.subject_name ?? row.subject },
    delegation: row.delegation,
    labels: { confidentiality, integrity },
    ended_at: row.ended_at,
  };
}

type NewRow = Omit<RunEntry, 'ended_at' | 'delegation'> & { delegation?: string | null };

export async function insertRun(tx: Transaction, run: NewRow): Promise<void> {
  await tx.query(
    `insert into identity_runs
       (id, agent, job, opened_by, opened_at, expires_at, purpose, subject, subject_name, delegation, confidentiality, integrity)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)`,
    [
      run.id,
      run.agent,
      run.job,
      run.opened_by,
      run.opened_at,
      run.expires_at,
      run.purpose,
      run.subject?.id ?? null,
      run.subject?.name ?? null,
      run.delegation ?? null,
      run.labels.confidentiality,
      run.labels.integrity,
    ],
  );
}

export async function loadRunEntry(sql: Sql, id: string): Promise<RunEntry | undefined> {
  const rows = await sql.query<RunRow>(`select ${COLUMNS} from identity_runs where id = $1`, [id]);
  return rows[0] === undefined ? undefined : readRow(rows[0]);
}

export async function listRuns(sql: Sql, limit: number): Promise<RunEntry[]> {
  const rows = await sql.query<RunRow>(
    `select ${COLUMNS} from identity_runs order by opened_at desc, id desc limit $1`,
    [limit],
  );
  return rows.map(readRow);
}

/** The agent, where there was an open run of this id. */
export async function endRun(tx: Transaction, id: string, now: number): Promise<string | undefined> {
  const rows = await tx.query<Row & { agent: string }>(
    'update identity_runs set ended_at = $2 where id = $1 and ended_at is null returning agent',
    [id, now],
  );
  return rows[0]?.agent;
}

/** Runs that an agent has open, or that are open in a user's name. */
export async function openRunsOf(
  sql: Sql,
  of: { kind: 'agent' | 'user'; id: string },
  now: number,
): Promise<readonly string[]> {
  const column = of.kind === 'agent' ? 'agent' : 'subject';
  const rows = await sql.query<Row & { id: string }>(
    `select id from identity_runs where ${column} = $1 and ended_at is null and expires_at > $2 order by id`,
    [of.id, now],
  );
  return rows.map((row) => row.id);
}

export async function loadEndedSince(sql: Sql, since: number): Promise<string[]> {
  const rows = await sql.query<Row & { id: string }>('select id from identity_runs where ended_at >= $1', [since]);
  return rows.map((row) => row.id);
}
