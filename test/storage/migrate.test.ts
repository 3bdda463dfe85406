import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isStorageError, type Migration, migrate } from '../../src/storage/index.ts';
import { onEveryDatabase } from '../support/databases.ts';

const first: Migration = { id: 'one/0001-first', sql: 'create table first (id bigint primary key)' };
const second: Migration = { id: 'one/0002-second', sql: 'create table second (id bigint primary key)' };
const other: Migration = { id: 'two/0001-other', sql: 'create table other (id bigint primary key)' };

const refusedAs = (pattern: RegExp) => (error: unknown) =>
  isStorageError(error, 'schema') && pattern.test((error as Error).message);

onEveryDatabase('migrations', (place) => {
  test('run once, in order, the state’s own first', async () => {
    const { db } = await place.fresh();
    await migrate(db, [first, other]);
    await migrate(db, [first, second, other]);
    await migrate(db, [first, second, other]);
    const rows = await db.query('select id from schema_migrations order by position');
    assert.deepEqual(
      rows.map(({ id }) => id),
      ['storage/0001-state', 'one/0001-first', 'two/0001-other', 'one/0002-second'],
    );
  });

  test('all or none', async () => {
    const { db } = await place.fresh();
    const broken: Migration = { id: 'one/0002-broken', sql: 'create table fine (id bigint); create tabel broken (id)' };
    await assert.rejects(migrate(db, [first, broken]));
    await assert.rejects(db.query('select id from first'));
    await migrate(db, [first]);
    assert.deepEqual(await db.query('select id from first'), []);
  });

  test('refuse a database that is newer than the code', async () => {
    const { db } = await place.fresh();
    await migrate(db, [first, second]);
    await assert.rejects(migrate(db, [first]), refusedAs(/newer.*one\/0002-second/));
    await assert.rejects(migrate(db, []), refusedAs(/newer/));
  });

  test('refuse a step that was edited after it ran', async () => {
    const { db } = await place.fresh();
    await migrate(db, [first]);
    const edited = { ...first, sql: `${first.sql} /* and more */` };
    await assert.rejects(migrate(db, [edited]), refusedAs(/another one\/0001-first/));
  });

  test('refuse a step that was slipped in before one that ran', async () => {
    const { db } = await place.fresh();
    await migrate(db, [second]);
    await assert.rejects(migrate(db, [first, second]), refusedAs(/without one\/0001-first/));
  });

  test('refuse lists that make no sense', async () => {
    const { db } = await place.fresh();
    await assert.rejects(migrate(db, [first, first]), /twice/);
    await assert.rejects(migrate(db, [{ ...first, id: 'first' }]), /not <domain>/);
  });

  test('take the text of their dialect', async () => {
    const { db } = await place.fresh();
    const sql = { sqlite: 'create table a_sqlite (id bigint)', postgres: 'create table a_postgres (id bigint)' };
    await migrate(db, [{ id: 'one/0001-dialect', sql }]);
    assert.deepEqual(await db.query(`select id from a_${place.dialect}`), []);
  });

  test('run once when several processes start together', async () => {
    const { db, again } = await place.fresh();
    const databases = place.shared ? [db, await again(), await again()] : [db, db, db];
    await Promise.all(databases.map((database) => migrate(database, [first, second, other])));
    assert.equal((await db.query('select id from schema_migrations')).length, 4);
  });
});
