import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { policyMigrations } from '../../src/controls/policy/index.ts';
import { isRefusal } from '../../src/core/refusal.ts';
import { migrate, openDatabase } from '../../src/storage/index.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { openReplica, permit } from './support.ts';

/** Observing ends by itself, everywhere, whoever lives to write it down. */
const HOUR_MS = 3_600_000;
const POLICIES = { 'a.cedar': permit('reads') };

async function open(t: TestContext) {
  const clock = new ManualClock();
  const db = await openDatabase({ url: 'sqlite::memory:', clock });
  t.after(() => db.close());
  await migrate(db, policyMigrations);
  const replica = () => openReplica(t, db, POLICIES, { clock, now: () => clock.now() });
  return { clock, db, replica };
}

/** Work that a timer began ends within a few turns; it is waited for, not guessed. */
async function until(what: () => boolean): Promise<void> {
  for (let turns = 0; !what(); turns += 1) {
    assert.ok(turns < 10_000, 'it never happened');
    await turn();
  }
}

test('ends by itself at its time, and the log says that it did', async (t) => {
  const { clock, replica } = await open(t);
  const { mode, changes } = await replica();
  assert.equal(mode.observing(), undefined);
  const period = await mode.observe(60, 'person:ada', 'a first day');
  assert.ok(!isRefusal(period));
  assert.equal(period.until - period.since, HOUR_MS);
  await clock.advance(HOUR_MS - 1);
  assert.ok(mode.observing() !== undefined);
  await clock.advance(1);
  assert.equal(mode.observing(), undefined, 'from the very millisecond on');
  await until(() => changes.some(({ event }) => event === 'mode.enforce'));
  const told = changes.filter(({ event }) => event.startsWith('mode.'));
  assert.deepEqual(
    told.map(({ event, by, before, after }) => [event, by, before, after]),
    [
      ['mode.observe', 'person:ada', 'enforcing', 'observing'],
      ['mode.enforce', 'gateway', 'observing', 'enforcing'],
    ],
  );
  assert.deepEqual(told[0]?.payload, { why: 'a first day', until: period.until });
});

test('lasts a day at most, whatever stands in the database', async (t) => {
  const { clock, db, replica } = await open(t);
  const first = await replica();
  for (const minutes of [0, -1, 1.5, 1_441, Number.NaN]) {
    const refused = await first.mode.observe(minutes, 'person:ada', 'r');
    assert.ok(isRefusal(refused) && refused.code === 'input_invalid', String(minutes));
  }
  await first.mode.observe(1_440, 'person:ada', 'r');
  await db.query('update policy_observing set until = until + 864000000', []);
  const second = await replica();
  assert.ok(second.mode.observing() !== undefined);
  await clock.advance(24 * HOUR_MS);
  assert.equal(second.mode.observing(), undefined);
});

test('a replica that starts takes it over, and one that is told to enforces at once', async (t) => {
  const { replica } = await open(t);
  const first = await replica();
  await first.mode.observe(30, 'person:ada', 'r');
  const second = await replica();
  assert.equal(second.mode.observing()?.by, 'person:ada');
  const ended = await second.mode.enforce('local', 'seen enough');
  assert.ok(ended !== undefined && !isRefusal(ended));
  assert.equal(second.mode.observing(), undefined);
  assert.deepEqual(
    second.changes.map(({ event }) => event).filter((event) => event.startsWith('mode.')),
    ['mode.enforce'],
  );
});

test('what is enforced already says nothing more', async (t) => {
  const { replica } = await open(t);
  const { mode, changes } = await replica();
  assert.equal(await mode.enforce('local', 'to be sure'), undefined);
  assert.ok(!changes.some(({ event }) => event === 'mode.enforce'));
});

test('another period takes the place of one that runs', async (t) => {
  const { clock, replica } = await open(t);
  const { mode } = await replica();
  await mode.observe(60, 'person:ada', 'long');
  await mode.observe(10, 'person:ben', 'short');
  assert.equal(mode.observing()?.by, 'person:ben');
  await clock.advance(HOUR_MS / 6);
  assert.equal(mode.observing(), undefined);
});
