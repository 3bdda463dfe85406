import type { Row, Sql } from '../../../storage/index.ts';

export type StoredKey = { kid: string; jwk: string };

/** Public halves of the keys that some replica has signed with since `used_since`. */
export async function loadSigningKeys(sql: Sql, used_since: number): Promise<StoredKey[]> {
  return sql.query<Row & StoredKey>('select kid, jwk from identity_signing_keys where used_at > $1 order by kid', [
    used_since,
  ]);
}

export async function saveSigningKey(sql: Sql, { kid, jwk }: StoredKey, now: number): Promise<void> {
  await sql.query(
    `insert into identity_signing_keys (kid, jwk, used_at) values ($1, $2, $3)
     on conflict (kid) do update set used_at = excluded.used_at`,
    [kid, jwk, now],
  );
}

/** When the key was last said to be in use. */
export async function signingKeyUse(sql: Sql, kid: string): Promise<number | undefined> {
  const rows = await sql.query<Row & { used_at: number }>('select used_at from identity_signing_keys where kid = $1', [
    kid,
  ]);
  return rows[0]?.used_at;
}
