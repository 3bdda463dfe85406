/** The part of the database that sessions need, as its user states it: protocols do not know storage. */
export interface SessionDatabase {
  query(text: string, values?: readonly (string | number | null)[]): Promise<Record<string, unknown>[]>;
}

/** Tables of this side of MCP, as storage's `migrate` takes them. */
export const migrations: { id: string; sql: string }[] = [
  {
    id: 'mcp/0001-sessions',
    sql: `create table mcp_sessions (
      id text primary key,
      replica text not null,
      principal text not null,
      run text not null,
      server text,
      opened_at bigint not null
    )`,
  },
];

export type SessionRow = { id: string; principal: string; run: string; server: string | undefined; opened_at: number };

/**
 * Which replica holds which session (2025-11-25), and whose it is. A session lives in the memory of one replica; the row
 * lets an operator see it, and tells a replica that is asked for another's that it exists elsewhere.
 */
export type SessionStore = {
  begin(row: SessionRow): Promise<void>;
  end(id: string): Promise<void>;
  /** Forgets what this replica held before it was started again. */
  forget(): Promise<void>;
};

export function openSessionStore(db: SessionDatabase, replica: string): SessionStore {
  return {
    async begin({ id, principal, run, server, opened_at }) {
      await db.query(
        'insert into mcp_sessions (id, replica, principal, run, server, opened_at) values ($1, $2, $3, $4, $5, $6)',
        [id, replica, principal, run, server ?? null, opened_at],
      );
    },
    async end(id) {
      await db.query('delete from mcp_sessions where id = $1', [id]);
    },
    async forget() {
      await db.query('delete from mcp_sessions where replica = $1', [replica]);
    },
  };
}
