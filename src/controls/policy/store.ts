import type { Database, Migration, Row, Sql, Transaction } from '../../storage/index.ts';
import { lifeMigration } from './life/store.ts';
import { modeMigration } from './mode/store.ts';
import { shadowMigration } from './shadow/store.ts';
import type { ActiveSet, PolicyFile } from './types.ts';

/** Policy sets by digest, the one that is active, and those that wait. Sets are never changed, so going back is activating. */
export const policyMigrations: readonly Migration[] = [
  {
    id: 'policy/0001-sets',
    sql: `create table policy_sets (digest text primary key, files text not null, stored_at bigint not null);
          create table policy_active (slot bigint primary key, digest text not null references policy_sets (digest),
            activated_by text not null, why text not null, activated_at bigint not null);
          create table policy_proposals (digest text primary key references policy_sets (digest),
            proposed_at bigint not null);`,
  },
  lifeMigration,
  modeMigration,
  shadowMigration,
];

type ActiveRow = Row & ActiveSet;
type SetRow = Row & { digest: string; files: string };
type ProposalRow = Row & { digest: string; proposed_at: number; proposed_by: string };

export type StoredSet = { digest: string; files: readonly PolicyFile[] };

export async function readActive(sql: Sql): Promise<ActiveSet | undefined> {
  const rows = await sql.query<ActiveRow>(
    'select digest, activated_by, why, activated_at from policy_active where slot = 1',
  );
  return rows[0];
}

/** Every set whose digest begins so; two at most, which is enough to know that it is not unique. */
export async function findSets(sql: Sql, prefix: string): Promise<StoredSet[]> {
  if (!/^[0-9a-f]{8,64}$/.test(prefix)) return [];
  const rows = await sql.query<SetRow>(
    'select digest, files from policy_sets where digest >= $1 and digest < $2 order by digest limit 2',
    // 'g' follows every hexadecimal digit.
    [prefix, `${prefix}g`],
  );
  return rows.map(({ digest, files }) => ({ digest, files: JSON.parse(files) as PolicyFile[] }));
}

export async function isStored(sql: Sql, digest: string): Promise<boolean> {
  const rows = await sql.query('select digest from policy_sets where digest = $1', [digest]);
  return rows.length > 0;
}

export async function storeSet(tx: Transaction, { digest, files }: StoredSet): Promise<void> {
  await tx.query(
    'insert into policy_sets (digest, files, stored_at) values ($1, $2, $3) on conflict (digest) do nothing',
    [digest, JSON.stringify(files), await tx.now()],
  );
}

/** Proposals were made against the set before, so they go with it. */
export async function writeActive(tx: Transaction, active: ActiveSet): Promise<void> {
  await tx.query(
    `insert into policy_active (slot, digest, activated_by, why, activated_at) values (1, $1, $2, $3, $4)
     on conflict (slot) do update set digest = excluded.digest, activated_by = excluded.activated_by,
       why = excluded.why, activated_at = excluded.activated_at`,
    [active.digest, active.activated_by, active.why, active.activated_at],
  );
  await tx.query('delete from policy_proposals');
}

/** @returns false where the same set waits already. */
export async function writeProposal(tx: Transaction, digest: string, by: string): Promise<boolean> {
  const rows = await tx.query(
    `insert into policy_proposals (digest, proposed_at, proposed_by) values ($1, $2, $3)
     on conflict (digest) do nothing returning digest`,
    [digest, await tx.now(), by],
  );
  return rows.length > 0;
}

export async function withdrawProposal(tx: Transaction, digest: string): Promise<void> {
  await tx.query('delete from policy_proposals where digest = $1', [digest]);
}

/** Who proposed the set that waits; undefined where it does not. */
export async function proposerOf(sql: Sql, digest: string): Promise<string | undefined> {
  const rows = await sql.query<ProposalRow>(
    'select digest, proposed_at, proposed_by from policy_proposals where digest = $1',
    [digest],
  );
  return rows[0]?.proposed_by;
}

export async function readProposed(sql: Sql): Promise<string[]> {
  const rows = await sql.query<{ digest: string }>('select digest from policy_proposals');
  return rows.map(({ digest }) => digest);
}

export async function readProposals(
  db: Database,
): Promise<(StoredSet & { proposed_at: number; proposed_by: string })[]> {
  const rows = await db.query<ProposalRow & SetRow>(
    `select policy_proposals.digest as digest, proposed_at, proposed_by, files from policy_proposals
     join policy_sets on policy_sets.digest = policy_proposals.digest order by proposed_at desc limit 20`,
  );
  return rows.map(({ files, ...row }) => ({ ...row, files: JSON.parse(files) as PolicyFile[] }));
}
