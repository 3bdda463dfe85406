import type { Migration, Row, Sql, Transaction } from '../../../storage/index.ts';
import type { PolicyFile } from '../types.ts';

/**
 * Who proposed each set, with the cases that must pass; each time that one became active; the canary; and every grant that
 * was ever given, so that a decision of then can be made again.
 */
export const lifeMigration: Migration = {
  id: 'policy/0002-life',
  sql: `create table policy_versions (digest text primary key references policy_sets (digest),
          number bigint not null unique, author text not null, reason text not null, base text not null,
          policies bigint not null, cases bigint not null, tests text not null, proposed_at bigint not null);
        insert into policy_versions (digest, number, author, reason, base, policies, cases, tests, proposed_at)
          select digest, row_number() over (order by stored_at, digest), 'folder', '', '', 0, 0, '[]', stored_at
          from policy_sets;
        create table policy_activations (n bigint primary key, digest text not null references policy_sets (digest),
          activated_by text not null, why text not null, activated_at bigint not null, how text not null,
          before_n bigint not null);
        insert into policy_activations (n, digest, activated_by, why, activated_at, how, before_n)
          select 1, digest, activated_by, why, activated_at, 'activate', 0 from policy_active;
        alter table policy_proposals add column proposed_by text not null default 'folder';
        create table policy_canary (slot bigint primary key, digest text not null references policy_sets (digest),
          share_ppm bigint not null, started_by text not null, why text not null, started_at bigint not null);
        create table policy_grants (id text primary key, agent text not null, asked text not null, text text not null,
          reason text not null, given_by text not null, given_at bigint not null, given_version bigint not null,
          expires_at bigint not null, ended_at bigint, ended_by text, end_reason text, ended_version bigint);
        create index policy_grants_ended on policy_grants (ended_at);`,
};

export type VersionRow = {
  digest: string;
  number: number;
  author: string;
  reason: string;
  /** '' for none. */
  base: string;
  policies: number;
  cases: number;
  proposed_at: number;
};

export type Activation = {
  n: number;
  digest: string;
  activated_by: string;
  why: string;
  activated_at: number;
  how: 'activate' | 'rollback';
  /** The activation that a rollback goes back to; 0 for none. */
  before_n: number;
};

export type CanaryRow = { digest: string; share_ppm: number; started_by: string; why: string; started_at: number };

export type GrantRow = {
  id: string;
  agent: string;
  /** `GrantAsked`, as JSON. */
  asked: string;
  /** Cedar. */
  text: string;
  reason: string;
  given_by: string;
  given_at: number;
  /** State's version from which on it is open. */
  given_version: number;
  expires_at: number;
  ended_at: number | null;
  ended_by: string | null;
  end_reason: string | null;
  /** State's version from which on it is not. */
  ended_version: number | null;
};

const VERSION = 'digest, number, author, reason, base, policies, cases, proposed_at';
const GRANT = `id, agent, asked, text, reason, given_by, given_at, given_version, expires_at, ended_at, ended_by,
  end_reason, ended_version`;
const VERSIONS_MAX = 500;

/** What a set is called at first stays; only the cases that go with it may be given anew. */
export async function storeVersion(
  tx: Transaction,
  version: Omit<VersionRow, 'number' | 'proposed_at'> & { tests: readonly PolicyFile[] },
): Promise<void> {
  const { digest, author, reason, base, policies, cases, tests } = version;
  await tx.lock('policy');
  await tx.query(
    `insert into policy_versions (digest, number, author, reason, base, policies, cases, tests, proposed_at)
     select $1, coalesce(max(number), 0) + 1, $2, $3, $4, $5, $6, $7, $8 from policy_versions where true
     on conflict (digest) do update set tests = excluded.tests, cases = excluded.cases, policies = excluded.policies`,
    [digest, author, reason, base, policies, cases, JSON.stringify(tests), await tx.now()],
  );
}

export async function readVersions(sql: Sql): Promise<VersionRow[]> {
  return sql.query<VersionRow & Row>(
    `select ${VERSION} from policy_versions order by number desc limit ${VERSIONS_MAX}`,
  );
}

export async function readVersion(
  sql: Sql,
  digest: string,
): Promise<(VersionRow & { tests: readonly PolicyFile[] }) | undefined> {
  const [row] = await sql.query<VersionRow & Row & { tests: string }>(
    `select ${VERSION}, tests from policy_versions where digest = $1`,
    [digest],
  );
  return row === undefined ? undefined : { ...row, tests: JSON.parse(row.tests) as PolicyFile[] };
}

const ACTIVATION = 'n, digest, activated_by, why, activated_at, how, before_n';

export async function readActivations(sql: Sql, digest?: string): Promise<Activation[]> {
  return digest === undefined
    ? sql.query<Activation & Row>(`select ${ACTIVATION} from policy_activations order by n desc limit 2000`)
    : sql.query<Activation & Row>(
        `select ${ACTIVATION} from policy_activations where digest = $1 order by n desc limit 100`,
        [digest],
      );
}

export async function lastActivation(sql: Sql): Promise<Activation | undefined> {
  const rows = await sql.query<Activation & Row>(
    `select ${ACTIVATION} from policy_activations order by n desc limit 1`,
  );
  return rows[0];
}

export async function activation(sql: Sql, n: number): Promise<Activation | undefined> {
  const rows = await sql.query<Activation & Row>(`select ${ACTIVATION} from policy_activations where n = $1`, [n]);
  return rows[0];
}

export async function storeActivation(tx: Transaction, of: Activation): Promise<void> {
  await tx.query(`insert into policy_activations (${ACTIVATION}) values ($1, $2, $3, $4, $5, $6, $7)`, [
    of.n,
    of.digest,
    of.activated_by,
    of.why,
    of.activated_at,
    of.how,
    of.before_n,
  ]);
}

export async function readCanary(sql: Sql): Promise<CanaryRow | undefined> {
  const rows = await sql.query<CanaryRow & Row>(
    'select digest, share_ppm, started_by, why, started_at from policy_canary where slot = 1',
  );
  return rows[0];
}

export async function writeCanary(tx: Transaction, of: CanaryRow): Promise<void> {
  await tx.query(
    `insert into policy_canary (slot, digest, share_ppm, started_by, why, started_at) values (1, $1, $2, $3, $4, $5)
     on conflict (slot) do update set digest = excluded.digest, share_ppm = excluded.share_ppm,
       started_by = excluded.started_by, why = excluded.why, started_at = excluded.started_at`,
    [of.digest, of.share_ppm, of.started_by, of.why, of.started_at],
  );
}

/** @returns the digest of the canary that there was. */
export async function dropCanary(tx: Transaction): Promise<string | undefined> {
  const rows = await tx.query<{ digest: string }>('delete from policy_canary returning digest');
  return rows[0]?.digest;
}

export async function storeGrant(tx: Transaction, grant: GrantRow): Promise<void> {
  await tx.query(
    `insert into policy_grants (id, agent, asked, text, reason, given_by, given_at, given_version, expires_at)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
    [
      grant.id,
      grant.agent,
      grant.asked,
      grant.text,
      grant.reason,
      grant.given_by,
      grant.given_at,
      grant.given_version,
      grant.expires_at,
    ],
  );
}

/** Those that nobody and nothing has ended yet; some may have expired a moment ago. */
export async function readOpenGrants(sql: Sql): Promise<GrantRow[]> {
  return sql.query<GrantRow & Row>(`select ${GRANT} from policy_grants where ended_at is null order by expires_at, id`);
}

export async function readEndedGrants(sql: Sql, rows_max: number): Promise<GrantRow[]> {
  return sql.query<GrantRow & Row>(
    `select ${GRANT} from policy_grants where ended_at is not null order by ended_at desc, id limit $1`,
    [rows_max],
  );
}

export async function readGrant(sql: Sql, id: string): Promise<GrantRow | undefined> {
  const rows = await sql.query<GrantRow & Row>(`select ${GRANT} from policy_grants where id = $1`, [id]);
  return rows[0];
}

/** @returns what has ended by it; a grant ends once. */
export async function endGrant(
  tx: Transaction,
  id: string,
  end: { at: number; by: string; reason: string; version: number },
): Promise<GrantRow | undefined> {
  const rows = await tx.query<GrantRow & Row>(
    `update policy_grants set ended_at = $2, ended_by = $3, end_reason = $4, ended_version = $5
     where id = $1 and ended_at is null returning ${GRANT}`,
    [id, end.at, end.by, end.reason, end.version],
  );
  return rows[0];
}

/** Every grant that was open at any moment from `since` on: for decisions that are made again. */
export async function readGrantsSince(db: Sql, since: number): Promise<GrantRow[]> {
  return db.query<GrantRow & Row>(
    `select ${GRANT} from policy_grants where ended_at is null or ended_at >= $1 order by given_version, id`,
    [since],
  );
}
