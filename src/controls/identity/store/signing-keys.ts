import type { Row, Sql } from '../../../storage/index.ts';

/** Public halves of the replicas' signing keys. */
export async function loadSigningKeys(sql: Sql): Promise<{ kid: string; jwk: string }[]> {
  return sql.query<Row & { kid: string; jwk: string }>(
    'select kid, jwk from identity_signing_keys order by added_at, kid',
  );
}

/** False where it is there. */
export async function insertSigningKey(
  sql: Sql,
  key: { kid: string; jwk: string; added_at: number },
): Promise<boolean> {
  const rows = await sql.query(
    `insert into identity_signing_keys (kid, jwk, added_at) values ($1, $2, $3) on conflict (kid) do nothing returning kid`,
    [key.kid, key.jwk, key.added_at],
  );
  return rows.length > 0;
}
