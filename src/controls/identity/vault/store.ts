import type { Row, Sql, Transaction } from '../../../storage/index.ts';
import type { VaultEntry, VaultKind, VaultTerms } from './contract.ts';
import type { Bound, Envelope } from './envelope.ts';

/** Contents are sealed before they come here. */
export type StoredEntry = VaultEntry & { envelope: Envelope; access: string | null };

type EntryRow = Row & {
  id: string;
  name: string;
  kind: VaultKind;
  version: number;
  terms: string;
  kek: string;
  wrapped: string;
  sealed: string;
  access: string | null;
  access_expires_at: number | null;
  set_by: string;
  set_at: number;
  rotated_at: number | null;
  used_at: number | null;
};

const COLUMNS =
  'id, name, kind, version, terms, kek, wrapped, sealed, access, access_expires_at, set_by, set_at, rotated_at, used_at';

function readRow({ terms, kek, wrapped, sealed, ...row }: EntryRow): StoredEntry {
  return { ...row, ...(JSON.parse(terms) as VaultTerms), envelope: { kek, wrapped, sealed } };
}

export function termsOf(entry: VaultTerms): VaultTerms {
  const { agents, jobs, users, hosts, programs, header, oauth, expires_at } = entry;
  return { agents, jobs, users, hosts, programs, header, oauth, expires_at };
}

export function boundOf({ id, name, kind, version, ...entry }: VaultEntry): Bound {
  return { id, name, kind, version, terms: termsOf(entry) };
}

export async function listEntries(sql: Sql): Promise<StoredEntry[]> {
  return (await sql.query<EntryRow>(`select ${COLUMNS} from identity_vault order by name`)).map(readRow);
}

export async function countEntries(sql: Sql): Promise<number> {
  const rows = await sql.query<Row & { count: number }>(
    "select count(*) as count from identity_vault where kind <> 'connection'",
  );
  return rows[0]?.count ?? 0;
}

export async function loadEntry(sql: Sql, name: string): Promise<StoredEntry | undefined> {
  const rows = await sql.query<EntryRow>(`select ${COLUMNS} from identity_vault where name = $1`, [name]);
  return rows[0] === undefined ? undefined : readRow(rows[0]);
}

/** In the place of whatever had its name. */
export async function putEntry(tx: Transaction, entry: StoredEntry): Promise<void> {
  const { envelope } = entry;
  await tx.query('delete from identity_vault where name = $1', [entry.name]);
  await tx.query(
    `insert into identity_vault (${COLUMNS}) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)`,
    [
      entry.id,
      entry.name,
      entry.kind,
      entry.version,
      JSON.stringify(termsOf(entry)),
      envelope.kek,
      envelope.wrapped,
      envelope.sealed,
      entry.access,
      entry.access_expires_at,
      entry.set_by,
      entry.set_at,
      entry.rotated_at,
      entry.used_at,
    ],
  );
}

export async function deleteEntry(tx: Transaction, name: string): Promise<StoredEntry | undefined> {
  const rows = await tx.query<EntryRow>(`delete from identity_vault where name = $1 returning ${COLUMNS}`, [name]);
  return rows[0] === undefined ? undefined : readRow(rows[0]);
}

export async function saveWrapping(tx: Transaction, entry: StoredEntry, { kek, wrapped }: Envelope): Promise<boolean> {
  const rows = await tx.query(
    'update identity_vault set kek = $3, wrapped = $4 where id = $1 and version = $2 and kek = $5 returning id',
    [entry.id, entry.version, kek, wrapped, entry.envelope.kek],
  );
  return rows.length > 0;
}

export async function saveUse(sql: Sql, id: string, used_at: number): Promise<void> {
  await sql.query('update identity_vault set used_at = $2 where id = $1 and (used_at is null or used_at < $2)', [
    id,
    used_at,
  ]);
}

export type Claim = { id: string; version: number; by: string };

/** One replica at a time renews; one that died holding it is waited for until `until`. */
export async function claimRenewal(sql: Sql, { id, version, by }: Claim, now: number, until: number): Promise<boolean> {
  const rows = await sql.query(
    `update identity_vault set renewed_by = $3, renewed_until = $5
     where id = $1 and version = $2 and (renewed_until is null or renewed_until < $4) returning id`,
    [id, version, by, now, until],
  );
  return rows.length > 0;
}

export async function releaseRenewal(sql: Sql, { id, by }: Claim): Promise<void> {
  await sql.query(
    'update identity_vault set renewed_by = null, renewed_until = null where id = $1 and renewed_by = $2',
    [id, by],
  );
}

/** False where the entry was changed, or another replica took over, meanwhile. */
export async function saveRenewal(
  tx: Transaction,
  { id, version, by }: Claim,
  renewed: { sealed: string; access: string; access_expires_at: number },
): Promise<boolean> {
  const rows = await tx.query(
    `update identity_vault set sealed = $4, access = $5, access_expires_at = $6, renewed_by = null, renewed_until = null
     where id = $1 and version = $2 and renewed_by = $3 returning id`,
    [id, version, by, renewed.sealed, renewed.access, renewed.access_expires_at],
  );
  return rows.length > 0;
}

export const vaultMigrations = [
  {
    id: 'vault/0001-entries',
    sql: `
      create table identity_vault (
        id text primary key,
        name text not null unique,
        kind text not null,
        version bigint not null,
        terms text not null,
        kek text not null,
        wrapped text not null,
        sealed text not null,
        access text,
        access_expires_at bigint,
        renewed_by text,
        renewed_until bigint,
        set_by text not null,
        set_at bigint not null,
        rotated_at bigint,
        used_at bigint
      );`,
  },
];
