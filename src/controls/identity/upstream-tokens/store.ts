import type { Migration, Row, Sql, Transaction } from '../../../storage/index.ts';
import type { Consent } from './contract.ts';

export const upstreamTokenMigrations: readonly Migration[] = [
  {
    id: 'upstream-tokens/0001-consents',
    sql: `
      create table identity_upstream_consents (
        person text not null,
        upstream text not null,
        client text not null,
        given_at bigint not null,
        primary key (person, upstream)
      );`,
  },
  {
    id: 'upstream-tokens/0002-id-tokens',
    sql: `
      create table identity_id_tokens (
        person text not null,
        issuer text not null,
        sealed text not null,
        expires_at bigint not null,
        primary key (person, issuer)
      );`,
  },
];

export async function saveConsent(tx: Transaction, { person, upstream, client, given_at }: Consent): Promise<void> {
  await tx.query(
    `insert into identity_upstream_consents (person, upstream, client, given_at) values ($1, $2, $3, $4)
     on conflict (person, upstream) do update set client = excluded.client, given_at = excluded.given_at`,
    [person, upstream, client, given_at],
  );
}

export async function holdsConsent(sql: Sql, consent: Omit<Consent, 'given_at'>): Promise<boolean> {
  const { person, upstream, client } = consent;
  const rows = await sql.query(
    'select person from identity_upstream_consents where person = $1 and upstream = $2 and client = $3',
    [person, upstream, client],
  );
  return rows.length > 0;
}

export async function deleteConsent(tx: Transaction, person: string, upstream: string): Promise<boolean> {
  const rows = await tx.query(
    'delete from identity_upstream_consents where person = $1 and upstream = $2 returning person',
    [person, upstream],
  );
  return rows.length > 0;
}

export async function listConsents(sql: Sql, person: string): Promise<Consent[]> {
  return sql.query<Row & Consent>(
    'select person, upstream, client, given_at from identity_upstream_consents where person = $1 order by upstream',
    [person],
  );
}

/** `sealed`: the token. */
export type StoredIdToken = { person: string; issuer: string; sealed: string; expires_at: number };

export async function saveIdToken(sql: Sql, { person, issuer, sealed, expires_at }: StoredIdToken): Promise<void> {
  await sql.query(
    `insert into identity_id_tokens (person, issuer, sealed, expires_at) values ($1, $2, $3, $4)
     on conflict (person, issuer) do update set sealed = excluded.sealed, expires_at = excluded.expires_at`,
    [person, issuer, sealed, expires_at],
  );
}

export async function findIdToken(
  sql: Sql,
  person: string,
  issuer: string,
  now: number,
): Promise<StoredIdToken | undefined> {
  const rows = await sql.query<Row & StoredIdToken>(
    `select person, issuer, sealed, expires_at from identity_id_tokens
     where person = $1 and issuer = $2 and expires_at > $3`,
    [person, issuer, now],
  );
  return rows[0];
}

export async function latestIdToken(
  sql: Sql,
  upstream: string,
  issuer: string,
  now: number,
): Promise<StoredIdToken | undefined> {
  const rows = await sql.query<Row & StoredIdToken>(
    `select t.person, t.issuer, t.sealed, t.expires_at from identity_id_tokens t
     join identity_upstream_consents c on c.person = t.person
     join identity_people p on p.id = t.person
     where c.upstream = $1 and t.issuer = $2 and t.expires_at > $3
     order by c.given_at desc limit 1`,
    [upstream, issuer, now],
  );
  return rows[0];
}

export async function pruneIdTokens(sql: Sql, now: number): Promise<void> {
  await sql.query('delete from identity_id_tokens where expires_at < $1', [now]);
}
