import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, describe } from 'node:test';
import pg from 'pg';
import type { Clock } from '../../src/core/clock.ts';
import { systemClock } from '../../src/main/clock.ts';
import { type Database, type Migration, migrate, openDatabase } from '../../src/storage/index.ts';
import { postgresServer } from './postgres.ts';

/**
 * Runs one suite on every driver:
 *
 *     onEveryDatabase('ledger', (place) => {
 *       test('keeps what it is given', async () => {
 *         const { db } = await place.fresh(migrations);
 */
export type Place = {
  readonly name: 'sqlite memory' | 'sqlite file' | 'postgres';
  readonly dialect: Database['dialect'];
  /** Whether `again` works: not in memory, where a database belongs to its connection. */
  readonly shared: boolean;
  /** A new, empty database, migrated. It is closed and dropped after the test. */
  fresh(migrations?: readonly Migration[], clock?: Clock): Promise<Fresh>;
};

export type Fresh = {
  readonly db: Database;
  readonly url: string;
  /** The same database as another process would open it. */
  again(clock?: Clock): Promise<Database>;
};

export function onEveryDatabase(suite: string, body: (place: Place) => void): void {
  for (const kind of KINDS) {
    describe(`${suite} on ${kind.name}`, () => {
      const undo: (() => Promise<unknown> | unknown)[] = [];
      const clean = async (): Promise<void> => {
        for (const step of undo.splice(0).reverse()) await step();
      };
      afterEach(clean);
      after(clean);
      body({
        name: kind.name,
        dialect: kind.name === 'postgres' ? 'postgres' : 'sqlite',
        shared: kind.name !== 'sqlite memory',
        fresh: (migrations, clock) => fresh(kind.create, undo, migrations, clock),
      });
    });
  }
}

type Created = { url: string; drop(): Promise<unknown> | unknown };

const KINDS: readonly { name: Place['name']; create(): Promise<Created> }[] = [
  { name: 'sqlite memory', create: async () => ({ url: 'sqlite::memory:', drop: () => {} }) },
  { name: 'sqlite file', create: createFile },
  { name: 'postgres', create: createPostgresDatabase },
];

async function fresh(
  create: () => Promise<Created>,
  undo: (() => Promise<unknown> | unknown)[],
  migrations?: readonly Migration[],
  clock: Clock = systemClock,
): Promise<Fresh> {
  const { url, drop } = await create();
  undo.push(drop);
  const open = async (withClock: Clock): Promise<Database> => {
    const opened = await openDatabase({ url, clock: withClock });
    undo.push(() => opened.close());
    return opened;
  };
  const db = await open(clock);
  if (migrations !== undefined) await migrate(db, migrations);
  return { db, url, again: (other = clock) => open(other) };
}

async function createFile(): Promise<Created> {
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-sqlite-'));
  return {
    url: `sqlite:${join(folder, 'state', 'sallyport.db')}`,
    drop: () => rmSync(folder, { recursive: true, force: true }),
  };
}

/** A database of its own on this process's server. */
export async function createPostgresDatabase(): Promise<Created> {
  const server = await postgresServer();
  const name = `sallyport_test_${randomBytes(8).toString('hex')}`;
  await asOwner(server.url, `create database ${name}`);
  const url = new URL(server.url);
  url.pathname = `/${name}`;
  return { url: url.href, drop: () => asOwner(server.url, `drop database ${name} with (force)`) };
}

async function asOwner(url: string, statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}
