import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import pg from 'pg';
import { sleep } from '../../src/core/clock.ts';
import { systemClock } from '../../src/main/clock.ts';
import { type Database, isStorageError, migrate, openDatabase, openStateWatch } from '../../src/storage/index.ts';
import { createPostgresDatabase } from '../support/databases.ts';
import { BadNetwork } from '../support/network.ts';
import { startPostgres } from '../support/postgres.ts';

type Undo = (() => Promise<unknown> | unknown)[];

async function open(url: string, undo: Undo): Promise<Database> {
  const db = await openDatabase({ url, clock: systemClock });
  undo.push(() => db.close());
  return db;
}

/** A database reached through a network of the test's, and a second way to it that always works. */
async function proxied(undo: Undo): Promise<{ db: Database; direct: Database; proxy: BadNetwork }> {
  const { url, drop } = await createPostgresDatabase();
  undo.push(drop);
  const { proxy, url: through } = await BadNetwork.before(url);
  undo.push(() => proxy.close());
  const direct = await open(url, undo);
  await migrate(direct, []);
  return { db: await open(through, undo), direct, proxy };
}

const kind = (expected: string) => (error: unknown) => isStorageError(error) && error.kind === expected;
const VERSION = `select version from state where topic = '*'`;
const RAISE = `update state set version = version + 1 where topic = '*'`;

/** Most of these wait for timeouts, so they wait together. */
const checks: { name: string; body: (undo: Undo) => Promise<void> }[] = [];

function check(name: string, body: (undo: Undo) => Promise<void>): void {
  checks.push({ name, body });
}

check('refuses at once a server that is not there', async () => {
  const url = 'postgres://nobody:secret-word@127.0.0.1:1/none';
  await assert.rejects(openDatabase({ url, clock: systemClock }), (error) => {
    assert.ok(kind('unavailable')(error));
    assert.doesNotMatch(`${(error as Error).message} ${(error as Error).stack}`, /secret-word/);
    return true;
  });
});

check('a commit whose answer is lost is uncertain, never a success and never a plain failure', async (undo) => {
  const { db, direct, proxy } = await proxied(undo);
  proxy.onSent = (bytes) => {
    if (!bytes.includes('commit\0')) return;
    proxy.mode = 'lose answers';
    setTimeout(() => proxy.cut(), 100);
  };
  await assert.rejects(
    db.transaction((tx) => tx.query(RAISE)),
    kind('uncertain'),
  );
  assert.deepEqual(await direct.query(VERSION), [{ version: 2 }], 'it was carried out');
  proxy.onSent = () => {};
  proxy.mode = 'pass';
  assert.deepEqual(await db.query(VERSION), [{ version: 2 }], 'and the next connection works');
});

check('a write outside a transaction whose answer is lost is uncertain too, a read is not', async (undo) => {
  const { db, proxy } = await proxied(undo);
  proxy.mode = 'lose answers';
  const write = assert.rejects(db.query(RAISE), kind('uncertain'));
  const read = assert.rejects(db.query(VERSION), (error) => isStorageError(error, 'unavailable'));
  await sleep(systemClock, 100);
  proxy.cut();
  await Promise.all([write, read]);
});

check('a connection lost before the commit leaves nothing and says so', async (undo) => {
  const { db, direct, proxy } = await proxied(undo);
  const work = db.transaction(async (tx) => {
    await tx.query(RAISE);
    proxy.cut();
    await sleep(systemClock, 50);
    await tx.query(RAISE);
  });
  await assert.rejects(work, kind('unavailable'));
  assert.deepEqual(await direct.query(VERSION), [{ version: 1 }]);
  assert.deepEqual(await db.query(VERSION), [{ version: 1 }]);
});

check('a server that falls silent costs seconds, not for ever', async (undo) => {
  const { db, proxy } = await proxied(undo);
  await db.query(VERSION);
  proxy.mode = 'hold';
  const started = performance.now();
  await assert.rejects(db.query(VERSION), kind('unavailable'));
  assert.ok(performance.now() - started < 8_000);
  proxy.mode = 'pass';
  proxy.cut();
  assert.equal((await db.query(VERSION)).length, 1);
});

check('a replica cut off in the middle of a transaction does not hold its locks', async (undo) => {
  const { db, direct, proxy } = await proxied(undo);
  const watch = openStateWatch({ db: direct, clock: systemClock });
  const stuck = db.transaction(async (tx) => {
    await tx.lock('state');
    proxy.mode = 'hold';
    await tx.query(RAISE);
  });
  const failed = assert.rejects(stuck, kind('unavailable'));
  await sleep(systemClock, 100);
  // The server gives up on the silent connection, so the kill of another replica goes through.
  let version = 0;
  for (let attempt = 0; version === 0 && attempt < 3; attempt++) {
    version = await direct.transaction((tx) => watch.bump(tx, 'stops')).catch(() => 0);
  }
  assert.equal(version, 2);
  proxy.cut();
  await failed;
});

check('a deadlock is a conflict for one and goes through for the other', async (undo) => {
  const { db } = await proxied(undo);
  const both = await Promise.allSettled(
    [
      ['a', 'b'],
      ['b', 'a'],
    ].map(([first, second]) =>
      db.transaction(async (tx) => {
        await tx.lock(first!);
        await sleep(systemClock, 50);
        await tx.lock(second!);
      }),
    ),
  );
  const failed = both.filter((result) => result.status === 'rejected');
  assert.equal(failed.length, 1);
  assert.ok(kind('conflict')(failed[0]!.reason));
});

check('more callers than connections wait for their turn', async (undo) => {
  const { db } = await proxied(undo);
  await Promise.all(
    Array.from({ length: 40 }, () =>
      db.transaction(async (tx) => {
        await sleep(systemClock, 5);
        await tx.query(RAISE);
      }),
    ),
  );
  assert.deepEqual(await db.query(VERSION), [{ version: 41 }]);
});

check('hints come back after the listening connection was lost, with one for what was missed', async (undo) => {
  const { db, direct, proxy } = await proxied(undo);
  let heard = 0;
  db.listen('news', () => {
    heard++;
  });
  const hears = async (): Promise<void> => {
    heard = 0;
    for (let attempt = 0; heard === 0; attempt++) {
      assert.ok(attempt < 200, 'no hint within two seconds');
      await direct.notify('news');
      await sleep(systemClock, 10);
    }
  };
  await hears();
  heard = 0;
  proxy.cut();
  await sleep(systemClock, 400);
  assert.ok(heard > 0, 'told on reconnection without anybody saying anything');
  await hears();
});

check('a partition costs the lease, and its end brings it back', async (undo) => {
  const { db, proxy } = await proxied(undo);
  const watch = openStateWatch({ db, clock: systemClock });
  undo.push(() => watch.stop());
  await watch.start();
  assert.equal(watch.leased(), true);
  proxy.mode = 'hold';
  await sleep(systemClock, 1_100);
  assert.equal(watch.leased(), false);
  proxy.mode = 'pass';
  proxy.cut();
  await watch.poll();
  await watch.poll();
  assert.equal(watch.leased(), true);
});

check('refuses to lose the last commits, whatever the server is set to', async (undo) => {
  const { url, drop } = await createPostgresDatabase();
  undo.push(drop);
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await client.query(`alter database ${new URL(url).pathname.slice(1)} set synchronous_commit = off`);
  await client.end();
  const db = await open(url, undo);
  const [row] = await db.query(`select current_setting('synchronous_commit') as setting`);
  assert.equal(row!['setting'], 'on');
});

check('goes on when the server was restarted', async (undo) => {
  const { db, direct } = await proxied(undo);
  await direct.query(
    'select count(pg_terminate_backend(pid)) as n from pg_stat_activity where pid <> pg_backend_pid() and datname = current_database()',
  );
  await sleep(systemClock, 50);
  assert.deepEqual(await db.query(VERSION), [{ version: 1 }]);
});

check('the server of a test ends with it and leaves nothing', async () => {
  const server = await startPostgres();
  const db = await openDatabase({ url: server.url, clock: systemClock });
  await server.stop();
  await assert.rejects(db.query('select 1'), kind('unavailable'));
  await db.close();
});

describe('PostgreSQL over a bad network', { concurrency: checks.length }, () => {
  for (const { name, body } of checks) {
    test(name, { timeout: 30_000 }, async () => {
      const undo: Undo = [];
      try {
        await body(undo);
      } finally {
        for (const step of undo.reverse()) await step();
      }
    });
  }
});
