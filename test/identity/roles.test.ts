import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ROUTES, type Route } from '../../src/api/contract/index.ts';
import { identityMigrations } from '../../src/controls/identity/index.ts';
import { listPeople } from '../../src/controls/identity/people/store.ts';
import { migrate, openDatabase } from '../../src/storage/index.ts';
import { MovableClock } from '../support/identity.ts';

test('an upgrade renames roles, gives nobody more than they had, and ends what was open', async () => {
  const db = await openDatabase({ url: 'sqlite::memory:', clock: new MovableClock() });
  const renaming = identityMigrations.findIndex(({ id }) => id === 'identity/0004-roles');
  await migrate(db, identityMigrations.slice(0, renaming));
  const stored = {
    ada: ['administrator'],
    ben: ['operator', 'auditor'],
    cleo: ['viewer'],
    dan: ['administrator', 'operator', 'viewer'],
  };
  for (const [name, roles] of Object.entries(stored)) {
    await db.query(
      `insert into identity_people (id, name, name_key, roles, password, added_at, authenticator_step)
       values ($1, $1, $1, $2, 'x', 0, 0)`,
      [name, JSON.stringify(roles)],
    );
    await db.query(
      'insert into identity_sessions (id, person, signed_in_at, used_at, ends_at) values ($1, $1, 0, 0, 9)',
      [name],
    );
  }
  await migrate(db, identityMigrations);
  assert.deepEqual(Object.fromEntries((await listPeople(db)).map(({ name, roles }) => [name, roles])), {
    ada: ['admin', 'approver'],
    ben: ['auditor'],
    cleo: ['viewer'],
    dan: ['admin', 'approver', 'auditor', 'viewer'],
  });
  assert.deepEqual(await db.query('select id from identity_sessions'), []);
  await db.close();
});

test('no single role may both hand out a credential and activate the policy that makes it useful', () => {
  const table: Record<string, Route> = ROUTES;
  const of = (operation: string) => table[operation]!.roles as readonly string[];
  assert.deepEqual(
    of('policy.activate').filter((role) => of('tokens.issue').includes(role)),
    [],
  );
});
