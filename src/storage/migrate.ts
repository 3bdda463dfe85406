import { createHash } from 'node:crypto';
import type { Database, Row, Transaction } from './database.ts';
import { StorageError } from './errors.ts';
import { stateMigrations } from './state-watch.ts';

/**
 * One step of one domain's tables. Never edited once released: a difference between what ran and what the code says is
 * refused at start, since nobody knows then what the tables look like.
 */
export type Migration = {
  /** `<domain>/<four digits>-<name>`; a domain's run in the order of its list. */
  id: string;
  /** Statements without values. SQLite reads `bigint`, `text`, `double precision` and `bytea` as PostgreSQL does. */
  sql: string | { sqlite: string; postgres: string };
};

type Applied = Row & { id: string; checksum: string };

/**
 * Brings the tables up to the code, all steps or none, the state's own first. Safe when several processes start at once.
 * @throws StorageError `schema` where the database is newer than the code or was built by another history.
 */
export async function migrate(db: Database, migrations: readonly Migration[]): Promise<void> {
  const all = [...stateMigrations, ...migrations];
  assertWellFormed(all);
  await db.transaction(async (tx) => {
    await tx.lock('migrations');
    await tx.script(
      `create table if not exists schema_migrations
         (id text primary key, position bigint not null, checksum text not null, applied_at bigint not null)`,
    );
    const applied = await tx.query<Applied>('select id, checksum from schema_migrations order by position');
    assertSameHistory(all, applied, db.dialect);
    for (const migration of all.filter(({ id }) => !applied.some((row) => row.id === id))) {
      await apply(tx, migration, db.dialect);
    }
  });
}

async function apply(tx: Transaction, migration: Migration, dialect: Database['dialect']): Promise<void> {
  const text = textOf(migration, dialect);
  await tx.script(text);
  await tx.query(
    `insert into schema_migrations (id, position, checksum, applied_at)
     values ($1, (select count(*) from schema_migrations), $2, $3)`,
    [migration.id, checksum(text), await tx.now()],
  );
}

function assertWellFormed(all: readonly Migration[]): void {
  const seen = new Set<string>();
  for (const { id } of all) {
    if (!/^[a-z][a-z-]*\/\d{4}-[a-z0-9-]+$/.test(id)) throw new Error(`migration ${id}: not <domain>/<0000>-<name>`);
    if (seen.has(id)) throw new Error(`migration ${id} is listed twice`);
    seen.add(id);
  }
}

function assertSameHistory(all: readonly Migration[], applied: readonly Applied[], dialect: Database['dialect']): void {
  const known = new Map(all.map((migration) => [migration.id, checksum(textOf(migration, dialect))]));
  for (const { id, checksum: was } of applied) {
    const is = known.get(id);
    if (is === undefined) {
      throw new StorageError('schema', `the database is newer than this version of Sallyport: it has ${id}`);
    }
    if (is !== was) throw new StorageError('schema', `the database was built by another ${id} than this version's`);
  }
  const done = new Set(applied.map(({ id }) => id));
  for (const domain of new Set(all.map(({ id }) => domainOf(id)))) {
    const steps = all.filter(({ id }) => domainOf(id) === domain);
    const missing = steps.findIndex(({ id }) => !done.has(id));
    const later = missing < 0 ? undefined : steps.slice(missing).find(({ id }) => done.has(id));
    if (later !== undefined) {
      throw new StorageError('schema', `the database has ${later.id} without ${steps[missing]!.id} before it`);
    }
  }
}

function domainOf(id: string): string {
  return id.slice(0, id.indexOf('/'));
}

function textOf({ sql }: Migration, dialect: Database['dialect']): string {
  return typeof sql === 'string' ? sql : sql[dialect];
}

function checksum(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
