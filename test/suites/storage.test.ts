import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sleep } from '../../src/core/clock.ts';
import { systemClock } from '../../src/main/clock.ts';
import { type Database, isStorageError, type Migration, type SqlValue, StorageError } from '../../src/storage/index.ts';
import { onEveryDatabase } from '../support/databases.ts';

const migrations: readonly Migration[] = [
  {
    id: 'test/0001-things',
    sql: `create table things (id text primary key, size bigint, weight double precision, body bytea, note text);
          create table counters (name text primary key, value bigint not null check (value >= 0));
          insert into counters (name, value) values ('hits', 0);`,
  },
];

const INSERT = 'insert into things (id, size, weight, body, note) values ($1, $2, $3, $4, $5)';

function kind(expected: string): (error: unknown) => boolean {
  return (error) => isStorageError(error) && error.kind === expected;
}

onEveryDatabase('storage', (place) => {
  const open = async (): Promise<Database> => (await place.fresh(migrations)).db;

  test('gives values back as they were put in', async () => {
    const db = await open();
    const bytes = new Uint8Array([0, 1, 127, 128, 255]);
    const rows: SqlValue[][] = [
      ['a', 2 ** 53 - 1, 0.1, bytes, 'ünïcødé 🦊 \\x41 \' " $1 ?1'],
      ['b', -(2 ** 53 - 1), -2.5e-300, new Uint8Array(), ''],
      ['c', 0, 0, null, null],
    ];
    for (const row of rows) assert.deepEqual(await db.query(INSERT, row), []);
    const found = await db.query('select id, size, weight, body, note from things order by id');
    assert.deepEqual(
      found,
      rows.map(([id, size, weight, body, note]) => ({ id, size, weight, body, note })),
    );
    assert.equal(found[0]!['body']!.constructor, Uint8Array);
  });

  test('keeps a copy of the bytes, not the caller’s array', async () => {
    const db = await open();
    const large = new Uint8Array(64);
    const part = large.subarray(16, 20).fill(7);
    await db.query(INSERT, ['a', 1, 1, part, null]);
    large.fill(9);
    const [row] = await db.query('select body from things');
    assert.deepEqual(row!['body'], new Uint8Array([7, 7, 7, 7]));
  });

  test('refuses what the two databases would keep differently', async () => {
    const db = await open();
    const bad: unknown[] = [2 ** 53, Number.NaN, Number.POSITIVE_INFINITY, 'a\0b', '\ud800', true, undefined, 5n, {}];
    for (const value of bad) {
      await assert.rejects(db.query('select $1', [value as SqlValue]), TypeError, String(value));
      await assert.rejects(
        db.transaction((tx) => tx.query('select $1', [value as SqlValue])),
        TypeError,
      );
    }
  });

  test('refuses an integer that would be rounded on reading', async () => {
    const db = await open();
    await db.transaction((tx) => tx.script(`insert into things (id, size) values ('a', 9007199254740993)`));
    await assert.rejects(db.query('select size from things'));
    assert.deepEqual(await db.query('select 1 as one'), [{ one: 1 }]);
  });

  test('reads truth as 0 and 1, counts and sums as numbers', async () => {
    const db = await open();
    await db.query(INSERT, ['a', 2, 1, null, null]);
    await db.query(INSERT, ['b', 3, 1, null, null]);
    assert.deepEqual(
      await db.query('select count(*) as n, sum(size) as total, exists (select 1 from things) as yes from things'),
      [{ n: 2, total: 5, yes: 1 }],
    );
  });

  test('takes exactly the values that a statement names', async () => {
    const db = await open();
    await assert.rejects(db.query('select $1', []), TypeError);
    await assert.rejects(db.query('select $1', ['a', 'b']), TypeError);
    const [row] = await db.query(`select $2 as b, $1 as a, $2 as c, '$3' as d -- $4`, ['one', 'two']);
    assert.deepEqual(row, { b: 'two', a: 'one', c: 'two', d: '$3' });
  });

  test('never reads a value as SQL', async () => {
    const db = await open();
    const hostile = `'); drop table things; --`;
    await db.query(INSERT, [hostile, 1, 1, null, null]);
    assert.deepEqual(await db.query('select id from things where id = $1', [hostile]), [{ id: hostile }]);
  });

  test('says that a unique index refused, and keeps nothing', async () => {
    const db = await open();
    await db.query(INSERT, ['a', 1, 1, null, null]);
    await assert.rejects(db.query(INSERT, ['a', 2, 1, null, null]), kind('duplicate'));
    await assert.rejects(
      db.transaction(async (tx) => {
        await tx.query(INSERT, ['b', 2, 1, null, null]);
        await tx.query(INSERT, ['a', 2, 1, null, null]);
      }),
      kind('duplicate'),
    );
    assert.deepEqual(await db.query('select id, size from things'), [{ id: 'a', size: 1 }]);
  });

  test('returns what `on conflict do nothing` inserted', async () => {
    const db = await open();
    const text = 'insert into things (id) values ($1), ($2) on conflict (id) do nothing returning id';
    assert.deepEqual(await db.query(text, ['a', 'b']), [{ id: 'a' }, { id: 'b' }]);
    assert.deepEqual(await db.query(text, ['b', 'c']), [{ id: 'c' }]);
  });

  test('throws a bug in the SQL as it is', async () => {
    const db = await open();
    await assert.rejects(db.query('select nothing from nowhere'), (error) => !(error instanceof StorageError));
    await assert.rejects(
      db.query(`update counters set value = -1 where name = 'hits'`),
      (error) => !(error instanceof StorageError),
    );
  });

  test('rolls back when the work throws, and gives its error', async () => {
    const db = await open();
    const mine = new Error('mine');
    const work = db.transaction(async (tx) => {
      await tx.query(INSERT, ['a', 1, 1, null, null]);
      throw mine;
    });
    await assert.rejects(work, (error) => error === mine);
    assert.deepEqual(await db.query('select id from things'), []);
  });

  test('does not commit after a failed query, even if its error was swallowed', async () => {
    const db = await open();
    const work = db.transaction(async (tx) => {
      await tx.query(INSERT, ['a', 1, 1, null, null]);
      await tx.query(INSERT, ['a', 1, 1, null, null]).catch(() => {});
      return 'fine';
    });
    await assert.rejects(work, kind('duplicate'));
    assert.deepEqual(await db.query('select id from things'), []);
  });

  test('shows a transaction its own writes, and nobody else before the commit', async () => {
    const { db, again } = await place.fresh(migrations);
    const reader = place.shared ? await again() : undefined;
    await db.transaction(async (tx) => {
      await tx.query(INSERT, ['a', 1, 1, null, null]);
      assert.equal((await tx.query('select id from things')).length, 1);
      if (reader !== undefined) assert.deepEqual(await reader.query('select id from things'), []);
    });
    assert.equal((await (reader ?? db).query('select id from things')).length, 1);
  });

  test('reads what is committed while a transaction is under way', async () => {
    const db = await open();
    const work = db.transaction(async (tx) => {
      await tx.query(INSERT, ['a', 1, 1, null, null]);
      await sleep(systemClock, 50);
      return performance.now();
    });
    const rows = db.query('select id from things').then((found) => ({ found, at: performance.now() }));
    const [ended, read] = await Promise.all([work, rows]);
    // In memory there is one connection, so there the reader waits and sees the commit.
    assert.equal(read.found.length, place.shared ? 0 : 1);
    assert.equal(read.at < ended, place.shared);
  });

  test('runs transactions that touch one row one after another', async () => {
    const db = await open();
    const bump = (): Promise<number> =>
      db.transaction(async (tx) => {
        const rows = await tx.query(`update counters set value = value + 1 where name = 'hits' returning value`);
        await sleep(systemClock, 1);
        return rows[0]!['value'] as number;
      });
    const seen = await Promise.all(Array.from({ length: 12 }, bump));
    assert.deepEqual(
      seen.toSorted((one, other) => one - other),
      Array.from({ length: 12 }, (_, at) => at + 1),
    );
  });

  test('a lock makes reading and then writing exact', async () => {
    const { db, again } = await place.fresh(migrations);
    const other = place.shared ? await again() : db;
    const raise = (database: Database): Promise<void> =>
      database.transaction(async (tx) => {
        await tx.lock('counter');
        const [row] = await tx.query(`select value from counters where name = 'hits'`);
        await sleep(systemClock, 2);
        await tx.query(`update counters set value = $1 where name = 'hits'`, [(row!['value'] as number) + 1]);
      });
    await Promise.all(Array.from({ length: 10 }, (_, at) => raise(at % 2 === 0 ? db : other)));
    assert.deepEqual(await db.query(`select value from counters where name = 'hits'`), [{ value: 10 }]);
  });

  test('does not wait for itself: the database is refused inside its own transaction', async () => {
    const db = await open();
    const inside = /inside a transaction, use the transaction/;
    await assert.rejects(
      db.transaction(() => db.query('select 1')),
      inside,
    );
    await assert.rejects(
      db.transaction(() => db.transaction(async () => {})),
      inside,
    );
    await assert.rejects(
      db.transaction(async () => {
        await sleep(systemClock, 1);
        await db.query('select 1');
      }),
      inside,
    );
    // What was begun inside and lives on is free again.
    const outliving = await db.transaction(async () => ({
      later: sleep(systemClock, 5).then(() => db.query('select 1 as x')),
    }));
    assert.deepEqual(await outliving.later, [{ x: 1 }]);
  });

  test('refuses a transaction that is over', async () => {
    const db = await open();
    const kept = await db.transaction(async (tx) => ({ tx }));
    await assert.rejects(kept.tx.query(INSERT, ['a', 1, 1, null, null]), /over/);
    let failed: { tx: typeof kept.tx } | undefined;
    await assert.rejects(
      db.transaction(async (tx) => {
        failed = { tx };
        throw new Error('stop');
      }),
    );
    await assert.rejects(failed!.tx.query(INSERT, ['a', 1, 1, null, null]), /over/);
    assert.deepEqual(await db.query('select id from things'), []);
  });

  test('sends the hint of a transaction when it commits and only then', async () => {
    const db = await open();
    let heard = 0;
    const end = db.listen('news', () => {
      heard++;
    });
    await until(async () => {
      await db.notify('news');
      return heard > 0;
    });
    await sleep(systemClock, 50);
    heard = 0;
    await assert.rejects(
      db.transaction(async (tx) => {
        await tx.notify('news');
        throw new Error('no news');
      }),
    );
    await sleep(systemClock, 50);
    assert.equal(heard, 0);
    await db.transaction(async (tx) => {
      await tx.notify('news');
      await sleep(systemClock, 20);
      assert.equal(heard, 0);
    });
    await until(async () => heard === 1);
    end();
    await db.notify('news');
    await sleep(systemClock, 50);
    assert.equal(heard, 1);
  });

  test('tells the time', async () => {
    const db = await open();
    const before = await db.now();
    assert.ok(Number.isInteger(before) && Math.abs(before - Date.now()) < 5_000);
    const inside = await db.transaction(async (tx) => {
      const first = await tx.now();
      await sleep(systemClock, 20);
      return (await tx.now()) - first;
    });
    // Not the time at which the transaction began.
    assert.ok(inside >= 15, `${inside}`);
  });

  test('waits for what is under way before it closes, and refuses afterwards', async () => {
    const { db, again } = await place.fresh(migrations);
    const work = db.transaction(async (tx) => {
      await tx.query(INSERT, ['a', 1, 1, null, null]);
      await sleep(systemClock, 30);
    });
    await sleep(systemClock, 10);
    await db.close();
    await work;
    await db.close();
    for (const used of [() => db.query('select 1'), () => db.transaction(async () => {}), () => db.notify('x')]) {
      await assert.rejects(used(), kind('closed'));
    }
    if (place.shared) assert.equal((await (await again()).query('select id from things')).length, 1);
  });
});

async function until(holds: () => Promise<boolean>): Promise<void> {
  for (let attempt = 0; attempt < 200; attempt++) {
    if (await holds()) return;
    await sleep(systemClock, 10);
  }
  assert.fail('did not come true within two seconds');
}
