import type { Row, Sql, SqlValue } from '../../../storage/index.ts';

/** Rows of one statement: few enough to prepare a text per count and keep it. */
const ROWS_MAX = 32;

/** What may be used once, until `expires_at`. */
export type Claim = { claim: string; expires_at: number };

/**
 * True where this call was the first. A statement inserts what is new and says which that was; the order of keys is the
 * same everywhere, so that two replicas which claim the same proofs wait for each other and never in a circle.
 */
export async function insertClaims(sql: Sql, claims: readonly Claim[]): Promise<Set<string>> {
  const ordered = [...new Map(claims.map((claim) => [claim.claim, claim])).values()].sort((a, b) =>
    a.claim < b.claim ? -1 : 1,
  );
  const won = new Set<string>();
  for (let at = 0; at < ordered.length; at += ROWS_MAX) {
    const chunk = ordered.slice(at, at + ROWS_MAX);
    const values: SqlValue[] = chunk.flatMap(({ claim, expires_at }) => [claim, expires_at]);
    const rows = await sql.query<Row & { claim: string }>(insertText(chunk.length), values);
    for (const row of rows) won.add(row.claim);
  }
  return won;
}

const texts = new Map<number, string>();

function insertText(rows: number): string {
  const known = texts.get(rows);
  if (known !== undefined) return known;
  const places = Array.from({ length: rows }, (_, row) => `($${row * 2 + 1}, $${row * 2 + 2})`).join(', ');
  const text = `insert into identity_claims (claim, expires_at) values ${places}
                on conflict (claim) do nothing returning claim`;
  texts.set(rows, text);
  return text;
}

/** How many were forgotten, at most `limit`. */
export async function pruneClaims(sql: Sql, before: number, limit: number): Promise<number> {
  const rows = await sql.query(
    `delete from identity_claims where claim in
       (select claim from identity_claims where expires_at < $1 order by expires_at limit $2) returning claim`,
    [before, limit],
  );
  return rows.length;
}

export async function claimed(sql: Sql, claim: string): Promise<boolean> {
  return (await sql.query('select claim from identity_claims where claim = $1', [claim])).length > 0;
}
