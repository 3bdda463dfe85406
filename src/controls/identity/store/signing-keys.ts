import type { Row, Sql, Transaction } from '../../../storage/index.ts';

export type StoredKey = { kid: string; jwk: string };

export type KeptKey = StoredKey & {
  added_at: number;
  /** When a replica last said that it signs with it; 0 where nothing that it signed counts any more. */
  used_at: number;
  /** When its replacement was ordered. */
  retired_at: number | null;
};

const COLUMNS = 'kid, jwk, added_at, used_at, retired_at';

/** Public halves of the keys that some replica has signed with since `used_since`. */
export async function loadSigningKeys(sql: Sql, used_since: number): Promise<KeptKey[]> {
  return sql.query<Row & KeptKey>(`select ${COLUMNS} from identity_signing_keys where used_at > $1 order by kid`, [
    used_since,
  ]);
}

export async function loadSigningKey(sql: Sql, kid: string): Promise<KeptKey | undefined> {
  return (await sql.query<Row & KeptKey>(`select ${COLUMNS} from identity_signing_keys where kid = $1`, [kid]))[0];
}

/** One that was ended stays so, whoever still says that it signs. */
export async function saveSigningKey(sql: Sql, { kid, jwk }: StoredKey, now: number): Promise<void> {
  await sql.query(
    `insert into identity_signing_keys (kid, jwk, used_at, added_at) values ($1, $2, $3, $3)
     on conflict (kid) do update set used_at = excluded.used_at where identity_signing_keys.used_at > 0`,
    [kid, jwk, now],
  );
}

/** Every key in use is to be replaced; where they are compromised, they and those before them count no more. */
export async function retireSigningKeys(
  tx: Transaction,
  { now, used_since, compromised }: { now: number; used_since: number; compromised: boolean },
): Promise<readonly string[]> {
  const rows = compromised
    ? await tx.query<Row & { kid: string }>(
        `update identity_signing_keys set retired_at = coalesce(retired_at, $1), used_at = 0
         where used_at > 0 returning kid`,
        [now],
      )
    : await tx.query<Row & { kid: string }>(
        'update identity_signing_keys set retired_at = $1 where used_at > $2 and retired_at is null returning kid',
        [now, used_since],
      );
  return rows.map(({ kid }) => kid).sort();
}
