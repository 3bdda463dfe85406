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
