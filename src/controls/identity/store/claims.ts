import type { Row, Sql, SqlValue } from '../../../storage/index.ts';

/** Rows of one statement: few enough to prepare a text per count and keep it. */
const ROWS_MAX = 32;

/** What may be used once, until `expires_at`. The time is part of what is claimed: it is in the proof, and signed. */
export type Claim = { claim: string; expires_at: number };

/**
 * Those that nobody had claimed before. A statement inserts what is new and says which that was; the order of keys is the
 * same everywhere, so that two replicas which claim the same proofs wait for each other and never in a circle.
 */
export async function insertProofs(sql: Sql, claims: readonly Claim[]): Promise<Set<string>> {
  const ordered = [...new Map(claims.map((claim) => [claim.claim, claim])).values()].sort(inOrder);
  const won = new Set<string>();
  for (let at = 0; at < ordered.length; at += ROWS_MAX) {
    const chunk = ordered.slice(at, at + ROWS_MAX);
    const values: SqlValue[] = chunk.flatMap(({ claim, expires_at }) => [claim, expires_at]);
    const rows = await sql.query<Row & { claim: string }>(insertText(chunk.length), values);
    for (const row of rows) won.add(row.claim);
  }
  return won;
}

function inOrder(a: Claim, b: Claim): number {
  return a.expires_at - b.expires_at || (a.claim < b.claim ? -1 : 1);
}

const texts = new Map<number, string>();

function insertText(rows: number): string {
  const known = texts.get(rows);
  if (known !== undefined) return known;
  const places = Array.from({ length: rows }, (_, row) => `($${row * 2 + 1}, $${row * 2 + 2})`).join(', ');
  const text = `insert into identity_proofs (claim, expires_at) values ${places}
                on conflict (expires_at, claim) do nothing returning claim`;
  texts.set(rows, text);
  return text;
}

/** Forgets the oldest `limit` of those that expired before `before`. True where more are left. */
export async function pruneProofs(sql: Sql, before: number, limit: number): Promise<boolean> {
  const [next] = await sql.query<Row & Claim>(
    `select expires_at, claim from identity_proofs where expires_at < $1 order by expires_at, claim limit 1 offset $2`,
    [before, limit],
  );
  await sql.query('delete from identity_proofs where (expires_at, claim) < ($1, $2)', [
    next?.expires_at ?? before,
    next?.claim ?? '',
  ]);
  return next !== undefined;
}

/** A client's assertion, or its proof at the token endpoint. False where it was used before. */
export async function insertAssertion(sql: Sql, { claim, expires_at }: Claim): Promise<boolean> {
  const rows = await sql.query(
    'insert into identity_assertions (claim, expires_at) values ($1, $2) on conflict (claim) do nothing returning claim',
    [claim, expires_at],
  );
  return rows.length > 0;
}

export async function holdsAssertion(sql: Sql, claim: string): Promise<boolean> {
  return (await sql.query('select claim from identity_assertions where claim = $1', [claim])).length > 0;
}

export async function pruneAssertions(sql: Sql, before: number): Promise<void> {
  await sql.query('delete from identity_assertions where expires_at < $1', [before]);
}
