import type { Migration, Row, Sql, Transaction } from '../../../storage/index.ts';

/** Times are milliseconds since the Unix epoch. Private keys are in files, not here; of a joining token, only its hash. */
export const spiffeMigrations: readonly Migration[] = [
  {
    id: 'identity-spiffe/0001-trust-domain',
    sql: `
      create table identity_spiffe_authorities (
        kid text primary key,
        trust_domain text not null,
        certificate text not null,
        jwt_kid text not null,
        jwt_key text not null,
        added_at bigint not null,
        active_at bigint not null,
        expires_at bigint not null
      );
      create table identity_spiffe_joins (
        secret text primary key,
        agent text not null,
        generation bigint not null,
        job text,
        expires_at bigint not null
      );
      create table identity_spiffe_runs (holder text primary key, run text not null, used_at bigint not null);`,
  },
];

/** The public halves of one authority. It signs from `active_at` on, when everybody has had time to learn of it. */
export type StoredAuthority = {
  kid: string;
  trust_domain: string;
  /** DER in base64. */
  certificate: string;
  jwt_kid: string;
  /** Public JWK, as JSON. */
  jwt_key: string;
  added_at: number;
  active_at: number;
  expires_at: number;
};

export function loadAuthorities(sql: Sql, trust_domain: string): Promise<StoredAuthority[]> {
  return sql.query<Row & StoredAuthority>(
    `select kid, trust_domain, certificate, jwt_kid, jwt_key, added_at, active_at, expires_at
     from identity_spiffe_authorities where trust_domain = $1 order by active_at, kid`,
    [trust_domain],
  );
}

/** False where another replica with the same keys was first. */
export async function insertAuthority(tx: Transaction, authority: StoredAuthority): Promise<boolean> {
  const { kid, trust_domain, certificate, jwt_kid, jwt_key, added_at, active_at, expires_at } = authority;
  const rows = await tx.query(
    `insert into identity_spiffe_authorities
       (kid, trust_domain, certificate, jwt_kid, jwt_key, added_at, active_at, expires_at)
     values ($1, $2, $3, $4, $5, $6, $7, $8) on conflict (kid) do nothing returning kid`,
    [kid, trust_domain, certificate, jwt_kid, jwt_key, added_at, active_at, expires_at],
  );
  return rows.length > 0;
}

export type StoredJoin = { agent: string; generation: number; job: string | null };

export async function insertJoin(
  tx: Transaction,
  join: StoredJoin & { secret: string; expires_at: number },
): Promise<void> {
  const { secret, agent, generation, job, expires_at } = join;
  await tx.query(
    'insert into identity_spiffe_joins (secret, agent, generation, job, expires_at) values ($1, $2, $3, $4, $5)',
    [secret, agent, generation, job, expires_at],
  );
}

/** The row goes as it is used: of two that bring one token, the deletion lets one through. */
export async function takeJoin(tx: Transaction, secret: string, now: number): Promise<StoredJoin | undefined> {
  const rows = await tx.query<Row & StoredJoin>(
    'delete from identity_spiffe_joins where secret = $1 and expires_at > $2 returning agent, generation, job',
    [secret, now],
  );
  await tx.query('delete from identity_spiffe_joins where expires_at <= $1', [now]);
  return rows[0];
}

/** The run that this holder's requests belong to now, while it is open and was used since `used_since`. */
export async function loadHolderRun(
  tx: Transaction,
  holder: string,
  at: { now: number; used_since: number },
): Promise<{ id: string; expires_at: number } | undefined> {
  const rows = await tx.query<Row & { id: string; expires_at: number }>(
    `select r.id, r.expires_at from identity_spiffe_runs h join identity_runs r on r.id = h.run
     where h.holder = $1 and h.used_at >= $2 and r.ended_at is null and r.expires_at > $3`,
    [holder, at.used_since, at.now],
  );
  return rows[0];
}

export async function saveHolderRun(sql: Sql, holder: string, run: string, now: number): Promise<void> {
  await sql.query(
    `insert into identity_spiffe_runs (holder, run, used_at) values ($1, $2, $3)
     on conflict (holder) do update set run = excluded.run, used_at = excluded.used_at`,
    [holder, run, now],
  );
}
