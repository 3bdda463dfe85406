import type { Migration, Row, Sql, Transaction } from '../../../storage/index.ts';
import type { ClientMethod } from '../token-client.ts';
import type { Connection } from './contract.ts';

export const connectionMigrations: readonly Migration[] = [
  {
    id: 'connections/0001-connections',
    sql: `
      create table identity_connections (
        upstream text not null,
        holder text not null,
        issuer text not null,
        client_id text not null,
        scope text not null,
        dpop bigint not null,
        renewable bigint not null,
        made_by text not null,
        made_at bigint not null,
        primary key (upstream, holder)
      );
      create table identity_connection_clients (
        issuer text not null,
        redirect_uri text not null,
        client_id text not null,
        method text not null,
        secret text,
        registered_at bigint not null,
        expires_at bigint,
        primary key (issuer, redirect_uri)
      );
      create table identity_connection_flows (
        id text primary key,
        person text not null,
        sealed text not null,
        expires_at bigint not null
      );
      create table identity_connection_challenges (
        upstream text not null,
        holder text not null,
        challenge text not null,
        primary key (upstream, holder)
      );`,
  },
];

type ConnectionRow = Row & Omit<Connection, 'dpop' | 'renewable'> & { dpop: number; renewable: number };

const COLUMNS = 'upstream, holder, issuer, client_id, scope, dpop, renewable, made_by, made_at';

function readRow(row: ConnectionRow): Connection {
  return { ...row, dpop: row.dpop === 1, renewable: row.renewable === 1 };
}

export async function putConnection(tx: Transaction, made: Connection): Promise<void> {
  await tx.query('delete from identity_connections where upstream = $1 and holder = $2', [made.upstream, made.holder]);
  await tx.query(`insert into identity_connections (${COLUMNS}) values ($1, $2, $3, $4, $5, $6, $7, $8, $9)`, [
    made.upstream,
    made.holder,
    made.issuer,
    made.client_id,
    made.scope,
    made.dpop ? 1 : 0,
    made.renewable ? 1 : 0,
    made.made_by,
    made.made_at,
  ]);
}

export async function findConnection(sql: Sql, upstream: string, holder: string): Promise<Connection | undefined> {
  const rows = await sql.query<ConnectionRow>(
    `select ${COLUMNS} from identity_connections where upstream = $1 and holder = $2`,
    [upstream, holder],
  );
  return rows[0] === undefined ? undefined : readRow(rows[0]);
}

/** The gateway's own, else the latest of a person who still has an account: what the server offers is read with it. */
export async function findForLists(sql: Sql, upstream: string, own: string): Promise<Connection | undefined> {
  const rows = await sql.query<ConnectionRow>(
    `select ${COLUMNS} from identity_connections c
     where c.upstream = $1 and (c.holder = $2 or exists (select 1 from identity_people p where p.id = c.holder))
     order by case when c.holder = $2 then 0 else 1 end, c.made_at desc limit 1`,
    [upstream, own],
  );
  return rows[0] === undefined ? undefined : readRow(rows[0]);
}

export async function listConnections(sql: Sql, holder: string): Promise<Connection[]> {
  const rows = await sql.query<ConnectionRow>(
    `select ${COLUMNS} from identity_connections where holder = $1 order by upstream`,
    [holder],
  );
  return rows.map(readRow);
}

/** Of people who have no account any more. */
export async function listLeft(sql: Sql, own: string): Promise<Connection[]> {
  const rows = await sql.query<ConnectionRow>(
    `select ${COLUMNS} from identity_connections c
     where c.holder <> $1 and not exists (select 1 from identity_people p where p.id = c.holder)`,
    [own],
  );
  return rows.map(readRow);
}

export async function deleteConnection(tx: Transaction, upstream: string, holder: string): Promise<boolean> {
  const rows = await tx.query(
    'delete from identity_connections where upstream = $1 and holder = $2 returning upstream',
    [upstream, holder],
  );
  return rows.length > 0;
}

/** A client that registered itself at an authorization server. `secret` is sealed. */
export type RegisteredClient = {
  issuer: string;
  redirect_uri: string;
  client_id: string;
  method: ClientMethod;
  secret: string | null;
  registered_at: number;
  expires_at: number | null;
};

const CLIENT = 'issuer, redirect_uri, client_id, method, secret, registered_at, expires_at';

export async function findClient(
  sql: Sql,
  { issuer, redirect_uri }: Pick<RegisteredClient, 'issuer' | 'redirect_uri'>,
): Promise<RegisteredClient | undefined> {
  const rows = await sql.query<Row & RegisteredClient>(
    `select ${CLIENT} from identity_connection_clients where issuer = $1 and redirect_uri = $2`,
    [issuer, redirect_uri],
  );
  return rows[0];
}

/** The first one stays: two people may begin at once, and who comes back must find the client that they were sent away with. */
export async function keepClient(sql: Sql, client: RegisteredClient): Promise<void> {
  await sql.query(
    `insert into identity_connection_clients (${CLIENT}) values ($1, $2, $3, $4, $5, $6, $7) on conflict do nothing`,
    [
      client.issuer,
      client.redirect_uri,
      client.client_id,
      client.method,
      client.secret,
      client.registered_at,
      client.expires_at,
    ],
  );
}

export async function forgetClient(sql: Sql, issuer: string, client_id: string): Promise<void> {
  await sql.query('delete from identity_connection_clients where issuer = $1 and client_id = $2', [issuer, client_id]);
}

export type StoredFlow = { id: string; person: string; sealed: string; expires_at: number };

export async function saveFlow(sql: Sql, { id, person, sealed, expires_at }: StoredFlow): Promise<void> {
  await sql.query('insert into identity_connection_flows (id, person, sealed, expires_at) values ($1, $2, $3, $4)', [
    id,
    person,
    sealed,
    expires_at,
  ]);
}

/** Once, and by the person who began it: whoever else comes with it leaves it where it is. */
export async function takeFlow(sql: Sql, id: string, person: string): Promise<StoredFlow | undefined> {
  const rows = await sql.query<Row & StoredFlow>(
    'delete from identity_connection_flows where id = $1 and person = $2 returning id, person, sealed, expires_at',
    [id, person],
  );
  return rows[0];
}

export async function pruneFlows(sql: Sql, before: number): Promise<void> {
  await sql.query('delete from identity_connection_flows where expires_at < $1', [before]);
}

export async function saveChallenge(sql: Sql, upstream: string, holder: string, challenge: string): Promise<void> {
  await sql.query(
    `insert into identity_connection_challenges (upstream, holder, challenge) values ($1, $2, $3)
     on conflict (upstream, holder) do update set challenge = excluded.challenge`,
    [upstream, holder, challenge],
  );
}

export async function findChallenge(sql: Sql, upstream: string, holder: string): Promise<string | undefined> {
  const rows = await sql.query<Row & { challenge: string }>(
    'select challenge from identity_connection_challenges where upstream = $1 and holder = $2',
    [upstream, holder],
  );
  return rows[0]?.challenge;
}
