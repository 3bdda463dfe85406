import type { Confidentiality, Integrity, Label } from '../../../core/label.ts';
import type { AgentFacts } from '../../../core/principal.ts';
import type { Row, Sql, Transaction } from '../../../storage/index.ts';
import type { PublicJwk } from '../jwk.ts';

export type StoredAgent = {
  id: string;
  /** Counts registrations of this id: credentials of an earlier one are worth nothing. */
  generation: number;
  owner: string;
  version: string;
  jobs: readonly string[];
  /** What its runs may be for, and in whose name, by name. */
  purposes: readonly string[];
  users: readonly string[];
  public_key: PublicJwk;
  thumbprint: string;
  added_at: number;
};

type AgentRow = Row & {
  id: string;
  generation: number;
  owner: string;
  version: string;
  jobs: string;
  purposes: string;
  users: string;
  public_key: string;
  thumbprint: string;
  added_at: number;
};

export async function loadAgents(sql: Sql): Promise<StoredAgent[]> {
  const rows = await sql.query<AgentRow>(
    `select id, generation, owner, version, jobs, purposes, users, public_key, thumbprint, added_at
     from identity_agents where removed_at is null order by id`,
  );
  return rows.map((row) => ({
    id: row.id,
    generation: row.generation,
    owner: row.owner,
    version: row.version,
    jobs: JSON.parse(row.jobs),
    purposes: JSON.parse(row.purposes),
    users: JSON.parse(row.users),
    public_key: JSON.parse(row.public_key),
    thumbprint: row.thumbprint,
    added_at: row.added_at,
  }));
}

/**
 * The row of a removed agent is taken over, so that its generation goes on counting and its labels stay. Undefined where
 * an agent of this id is registered.
 */
export async function insertAgent(
  tx: Transaction,
  agent: Omit<StoredAgent, 'generation'>,
  first: Label,
): Promise<number | undefined> {
  const rows = await tx.query<Row & { generation: number }>(
    `insert into identity_agents
       (id, generation, owner, version, jobs, purposes, users, public_key, thumbprint, added_at, confidentiality, integrity)
     values ($1, 1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
     on conflict (id) do update set generation = identity_agents.generation + 1, owner = excluded.owner,
       version = excluded.version, jobs = excluded.jobs, purposes = excluded.purposes, users = excluded.users, public_key = excluded.public_key,
       thumbprint = excluded.thumbprint, added_at = excluded.added_at, removed_at = null
     where identity_agents.removed_at is not null
     returning generation`,
    [
      agent.id,
      agent.owner,
      agent.version,
      JSON.stringify(agent.jobs),
      JSON.stringify(agent.purposes),
      JSON.stringify(agent.users),
      JSON.stringify(agent.public_key),
      agent.thumbprint,
      agent.added_at,
      first.confidentiality,
      first.integrity,
    ],
  );
  return rows[0]?.generation;
}

/**
 * Keeps what was registered from this version of the state on: `identity_agents` has only what is registered now, and a
 * decision is made again with what was registered then.
 */
export async function noteRegistration(tx: Transaction, id: string, state_version: number): Promise<void> {
  await tx.query(
    `insert into identity_registrations (agent, state_version, owner, version, jobs)
     select id, $2, owner, version, jobs from identity_agents where id = $1
     on conflict (agent, state_version) do update set owner = excluded.owner, version = excluded.version,
       jobs = excluded.jobs`,
    [id, state_version],
  );
}

export type Registration = { state_version: number; facts: AgentFacts };

type RegistrationRow = Row & { state_version: number; owner: string; version: string; jobs: string };

/** All that an id was ever registered with, from the first on. */
export async function loadRegistrations(sql: Sql, id: string): Promise<Registration[]> {
  const rows = await sql.query<RegistrationRow>(
    'select state_version, owner, version, jobs from identity_registrations where agent = $1 order by state_version',
    [id],
  );
  return rows.map(({ state_version, owner, version, jobs }) => {
    return { state_version, facts: { id, owner, version, jobs: JSON.parse(jobs) } };
  });
}

/** False where there is none. */
export async function removeAgent(tx: Transaction, id: string, now: number): Promise<boolean> {
  const rows = await tx.query(
    'update identity_agents set removed_at = $2 where id = $1 and removed_at is null returning id',
    [id, now],
  );
  if (rows.length === 0) return false;
  await tx.query('update identity_runs set ended_at = $2 where agent = $1 and ended_at is null', [id, now]);
  await tx.query('update identity_tokens set revoked_at = $2 where agent = $1 and revoked_at is null', [id, now]);
  return true;
}

/**
 * Counts a generation on, so that what was got with the old key ends. Bearer tokens were not: they go along. Undefined
 * where there is no such agent.
 */
export async function saveAgentKey(
  tx: Transaction,
  id: string,
  { public_key, thumbprint }: Pick<StoredAgent, 'public_key' | 'thumbprint'>,
): Promise<number | undefined> {
  const rows = await tx.query<Row & { generation: number }>(
    `update identity_agents set public_key = $2, thumbprint = $3, generation = generation + 1
     where id = $1 and removed_at is null returning generation`,
    [id, JSON.stringify(public_key), thumbprint],
  );
  const generation = rows[0]?.generation;
  if (generation === undefined) return undefined;
  await tx.query('update identity_tokens set generation = $2 where agent = $1 and generation = $3', [
    id,
    generation,
    generation - 1,
  ]);
  return generation;
}

type LabelRow = Row & { confidentiality: Confidentiality; integrity: Integrity };

/** What the agent's runs for this user have read so far; its next run for them begins with it. */
export async function loadCarriedLabel(tx: Sql, agent: string, subject: string | null): Promise<Label | undefined> {
  const rows = await tx.query<LabelRow>(
    'select confidentiality, integrity from identity_carried where agent = $1 and subject = $2',
    [agent, subject ?? ''],
  );
  const row = rows[0];
  return row === undefined ? undefined : { confidentiality: row.confidentiality, integrity: row.integrity };
}

export async function saveLabel(
  tx: Transaction,
  { id, agent, subject }: { id: string; agent: string; subject: string | null },
  { confidentiality, integrity }: Label,
): Promise<void> {
  await tx.query(
    `insert into identity_carried (agent, subject, confidentiality, integrity) values ($1, $2, $3, $4)
     on conflict (agent, subject) do update set confidentiality = excluded.confidentiality, integrity = excluded.integrity`,
    [agent, subject ?? '', confidentiality, integrity],
  );
  await tx.query('update identity_runs set confidentiality = $2, integrity = $3 where id = $1', [
    id,
    confidentiality,
    integrity,
  ]);
}
