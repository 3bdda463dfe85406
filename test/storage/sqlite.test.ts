import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { sleep } from '../../src/core/clock.ts';
import { systemClock } from '../../src/main/clock.ts';
import { type Database, isStorageError, migrate, openDatabase } from '../../src/storage/index.ts';

let folder = '';
const opened: Database[] = [];
const children: ChildProcess[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sallyport-sqlite-'));
});
afterEach(async () => {
  for (const db of opened.splice(0)) await db.close();
  for (const child of children.splice(0)) child.kill('SIGKILL');
  rmSync(folder, { recursive: true, force: true });
});

async function open(): Promise<Database> {
  const db = await openDatabase({ url: `sqlite:${path()}`, clock: systemClock });
  opened.push(db);
  return db;
}

function path(): string {
  return join(folder, 'state', 'sallyport.db');
}

/** Runs `body` in a process of its own with the database open as `db`; resolves with its first line of output. */
async function elsewhere(body: string): Promise<{ child: ChildProcess; line: string }> {
  const root = join(import.meta.dirname, '..', '..', 'src');
  const program = `
    const { openDatabase, migrate } = await import(${JSON.stringify(join(root, 'storage', 'index.ts'))});
    const { systemClock } = await import(${JSON.stringify(join(root, 'main', 'clock.ts'))});
    // The system's clock keeps no process alive while it waits.
    const alive = setInterval(() => {}, 1_000);
    const db = await openDatabase({ url: ${JSON.stringify(`sqlite:${path()}`)}, clock: systemClock });
    ${body}
    clearInterval(alive);`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], { stdio: ['pipe', 'pipe', 'inherit'] });
  children.push(child);
  const [line] = (await once(child.stdout!, 'data')) as [Buffer];
  return { child, line: line.toString().trim() };
}

test('keeps its files to their owner', async () => {
  const db = await open();
  await db.transaction((tx) => tx.script('create table things (id text primary key)'));
  assert.equal(statSync(join(folder, 'state')).mode & 0o777, 0o700);
  for (const suffix of ['', '-wal', '-shm']) assert.equal(statSync(path() + suffix).mode & 0o777, 0o600, suffix);
});

test('writes through a write-ahead log, which it flushes itself after each commit', async () => {
  const db = await open();
  await db.transaction(async (tx) => {
    assert.deepEqual(await tx.query('pragma synchronous'), [{ synchronous: 1 }]);
    assert.deepEqual(await tx.query('pragma journal_mode'), [{ journal_mode: 'wal' }]);
    assert.deepEqual(await tx.query('pragma foreign_keys'), [{ foreign_keys: 1 }]);
  });
});

test('what was committed survives kill -9 of the process', async () => {
  const { child } = await elsewhere(`
    await migrate(db, [{ id: 'test/0001-things', sql: 'create table things (id bigint primary key)' }]);
    for (let id = 0; ; id++) {
      await db.query('insert into things (id) values ($1)', [id]);
      if (id === 200) console.log('enough');
    }`);
  child.kill('SIGKILL');
  await once(child, 'exit');
  const db = await open();
  const [row] = await db.query('select count(*) as n, max(id) as last from things');
  assert.ok((row!['n'] as number) > 200);
  assert.equal(row!['n'], (row!['last'] as number) + 1);
  assert.deepEqual(await db.query('pragma integrity_check'), [{ integrity_check: 'ok' }]);
});

test('waits for another process’s transaction without holding up this one’s event loop', async () => {
  const db = await open();
  await migrate(db, []);
  const { line } = await elsewhere(`
    await db.transaction(async (tx) => {
      await tx.query("update state set version = version + 1 where topic = '*'");
      console.log('holding');
      await new Promise((resolve) => setTimeout(resolve, 300));
    });
    await db.close();`);
  assert.equal(line, 'holding');
  let ticks = 0;
  const ticking = setInterval(() => ticks++, 5);
  assert.deepEqual(
    await db.query(`select version from state where topic = '*'`),
    [{ version: 1 }],
    'reading does not wait',
  );
  await db.query(`update state set version = version + 1 where topic = '*'`);
  clearInterval(ticking);
  assert.ok(ticks > 10, `the event loop ran ${ticks} times`);
  assert.deepEqual(await db.query(`select version from state where topic = '*'`), [{ version: 3 }]);
});

test('gives up on a database that stays busy, and says that nothing was written', async () => {
  const db = await open();
  await migrate(db, []);
  await elsewhere(`
    await db.transaction(async () => {
      console.log('holding');
      await new Promise((resolve) => setTimeout(resolve, 8_000));
    });`);
  const started = performance.now();
  await assert.rejects(
    db.transaction((tx) => tx.query(`update state set version = 9`)),
    (error) => isStorageError(error, 'unavailable'),
  );
  assert.ok(performance.now() - started < 7_000);
  children.splice(0)[0]!.kill('SIGKILL');
  await sleep(systemClock, 50);
  await db.query(`update state set version = 2 where topic = '*'`);
});

test('two processes that start at once migrate once', async () => {
  const body = `
    await migrate(db, [{ id: 'test/0001-things', sql: 'create table things (id bigint primary key); insert into things values (1)' }]);
    console.log((await db.query('select count(*) as n from things'))[0].n);
    await db.close();`;
  const lines = await Promise.all([elsewhere(body), elsewhere(body), elsewhere(body)]);
  assert.deepEqual(
    lines.map(({ line }) => line),
    ['1', '1', '1'],
  );
});

test('a transaction that never ends is rolled back, and the next one gets its turn', { timeout: 30_000 }, async () => {
  const { ManualClock, settle } = await import('../support/manual-clock.ts');
  const clock = new ManualClock();
  const db = await openDatabase({ url: 'sqlite::memory:', clock });
  opened.push(db);
  await migrate(db, []);
  const stuck = db.transaction(async (tx) => {
    await tx.query(`update state set version = 7 where topic = '*'`);
    await new Promise(() => {});
  });
  const next = db.query(`select version from state where topic = '*'`);
  const refused = assert.rejects(stuck, (error) => isStorageError(error, 'unavailable'));
  await settle();
  await clock.advance(10_000);
  await refused;
  assert.deepEqual(await next, [{ version: 1 }]);
});

test('serves waiting transactions in the order in which they came', async () => {
  const db = await open();
  const order: number[] = [];
  await Promise.all(
    [0, 1, 2, 3, 4].map((at) =>
      db.transaction(async () => {
        await sleep(systemClock, at === 0 ? 20 : 0);
        order.push(at);
      }),
    ),
  );
  assert.deepEqual(order, [0, 1, 2, 3, 4]);
});

test('a full disk refuses, writes nothing, and does not break what comes after', async () => {
  const db = await open();
  await db.transaction((tx) => tx.script('create table things (body bytea); pragma max_page_count = 40'));
  const large = new Uint8Array(1_000_000);
  await assert.rejects(
    db.transaction(async (tx) => {
      await tx.query('insert into things (body) values ($1)', [new Uint8Array(10)]);
      await tx.query('insert into things (body) values ($1)', [large]);
    }),
    (error) => isStorageError(error, 'unavailable'),
  );
  assert.deepEqual(await db.query('select count(*) as n from things'), [{ n: 0 }]);
  await db.query('insert into things (body) values ($1)', [new Uint8Array(10)]);
});
