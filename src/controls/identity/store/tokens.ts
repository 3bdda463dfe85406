import type { Row, Sql, Transaction } from '../../../storage/index.ts';
import type { TokenEntry } from '../contract.ts';

/** A bearer token as the request path needs it. `secret` is the SHA-256 of what its holder sends. */
export type StoredToken = {
  id: string;
  secret: string;
  agent: string;
  generation: number;
  job: string;
  expires_at: number;
  /** The one run that it is good for, in whose name; null for a token that opens runs as it is used. */
  only_run: string | null;
  subject: string | null;
};

export async function loadLiveTokens(sql: Sql, now: number): Promise<StoredToken[]> {
  return sql.query<Row & StoredToken>(
    `select t.id, t.secret, t.agent, t.generation, t.job, t.expires_at, t.only_run, r.subject
     from identity_tokens t left join identity_runs r on r.id = t.only_run
     where t.revoked_at is null and t.expires_at > $1`,
    [now],
  );
}

/** To tell a revoked or expired token from one that never was, or that another replica has just issued. */
export async function findToken(
  sql: Sql,
  secret: string,
): Promise<{ revoked_at: number | null; expires_at: number } | undefined> {
  const rows = await sql.query<Row & { revoked_at: number | null; expires_at: number }>(
    'select revoked_at, expires_at from identity_tokens where secret = $1',
    [secret],
  );
  return rows[0];
}

export async function insertToken(
  tx: Transaction,
  token: Omit<StoredToken, 'subject'> & { issued_at: number },
): Promise<void> {
  await tx.query(
    `insert into identity_tokens (id, secret, agent, generation, job, issued_at, expires_at, only_run, used_at)
     values ($1, $2, $3, $4, $5, $6, $7, $8, 0)`,
    [
      token.id,
      token.secret,
      token.agent,
      token.generation,
      token.job,
      token.issued_at,
      token.expires_at,
      token.only_run,
    ],
  );
}

export async function revokeToken(tx: Transaction, id: string, now: number): Promise<boolean> {
  const rows = await tx.query(
    'update identity_tokens set revoked_at = $2 where id = $1 and revoked_at is null returning id',
    [id, now],
  );
  return rows.length > 0;
}

export async function listTokens(sql: Sql): Promise<TokenEntry[]> {
  return sql.query<Row & TokenEntry>(
    `select id, agent, job, issued_at, expires_at, revoked_at from identity_tokens order by issued_at desc, id`,
  );
}

/** The run that a token's requests belong to now, while it is open and was used since `used_since`. */
export async function loadTokenRun(
  tx: Transaction,
  id: string,
  at: { now: number; used_since: number },
): Promise<{ id: string; expires_at: number } | undefined> {
  const rows = await tx.query<Row & { id: string; expires_at: number }>(
    `select r.id, r.expires_at from identity_tokens t join identity_runs r on r.id = t.run
     where t.id = $1 and t.used_at >= $2 and r.ended_at is null and r.expires_at > $3`,
    [id, at.used_since, at.now],
  );
  return rows[0];
}

/** False where the token is not valid any more. */
export async function saveTokenRun(tx: Sql, id: string, run: string, now: number): Promise<boolean> {
  const rows = await tx.query(
    'update identity_tokens set run = $2, used_at = $3 where id = $1 and revoked_at is null returning id',
    [id, run, now],
  );
  return rows.length > 0;
}
