import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { policyMigrations } from '../../src/controls/policy/index.ts';
import type { Clock } from '../../src/core/clock.ts';
import { isRefusal } from '../../src/core/refusal.ts';
import { call, clock, FILES, forbid, openReplica, permit, type Replica, write } from '../policy/support.ts';
import { onEveryDatabase } from '../support/databases.ts';
import { type FaultPoint, withFaults } from '../support/faults.ts';

const read = call('files/read', { path: 'a' });
const effect = (replica: Replica): string => replica.engine.decide(read).effect;
const events = (replica: Replica): string[] => replica.changes.map(({ event, by }) => `${event} by ${by}`);

onEveryDatabase('policy sets', (place) => {
  const fresh = async () => (await place.fresh(policyMigrations)).db;

  test('the first set is activated, with a receipt that names it', async (t) => {
    const replica = await openReplica(t, await fresh(), { 'a.cedar': permit('one') });
    assert.equal(effect(replica), 'permit');
    assert.deepEqual(events(replica), ['policy.activate by gateway']);
    assert.equal(replica.changes[0]!.after, replica.engine.set);
    assert.equal(replica.sets.status().active.digest, replica.engine.set);
  });

  test('a folder that does not load permits nothing and activates nothing', async (t) => {
    const replica = await openReplica(t, await fresh(), { 'a.cedar': 'permit (principal, action, resource);' });
    assert.equal(effect(replica), 'deny');
    assert.deepEqual(replica.changes, []);
    assert.ok(replica.sets.status().problems.some((problem) => /no @id/.test(problem.message)));
    await write(replica.folder, { 'a.cedar': permit('one') });
    await replica.sets.reload();
    assert.equal(effect(replica), 'permit');
  });

  test('a folder that is not there permits nothing, and says so', async (t) => {
    const replica = await openReplica(t, await fresh(), {}, { folder: '/nonexistent/policies' });
    assert.equal(effect(replica), 'deny');
    assert.match(replica.sets.status().problems[0]!.message, /cannot be read: ENOENT/);
  });

  const WIDENING: Record<string, [before: string, after: string, why: RegExp]> = {
    'a new permit': [permit('one', 'false'), permit('one', 'false') + permit('two'), /permit two is new/],
    'a changed permit': [permit('one', 'false'), permit('one'), /permit one is new or changed/],
    'a forbid that goes': [permit('one') + forbid('no'), permit('one'), /forbid no is gone/],
    'a changed forbid': [
      permit('one') + forbid('no'),
      permit('one') + forbid('no', 'false'),
      /forbid no is gone or changed/,
    ],
    'a forbid that is only shadowed': [
      permit('one') + forbid('no'),
      permit('one') + forbid('no', 'true', '@shadow'),
      /forbid no/,
    ],
    'a forbid that only asks for approval': [
      permit('one') + forbid('no'),
      permit('one') + forbid('no', 'true', '@approve("team")'),
      /forbid no/,
    ],
    'a shadow permit that becomes one': [
      permit('one', 'false') + permit('two', 'true', '@shadow'),
      permit('one', 'false') + permit('two'),
      /permit two is new/,
    ],
    'an integer beyond what JSON can carry': [
      permit('one', '9223372036854775806 == 9223372036854775807'),
      permit('one', '9223372036854775807 == 9223372036854775807'),
      /permit one/,
    ],
  };

  for (const [name, [before, after, why]] of Object.entries(WIDENING)) {
    test(`${name} waits for a person`, async (t) => {
      const replica = await openReplica(t, await fresh(), { 'a.cedar': before });
      const active = replica.engine.set;
      await write(replica.folder, { 'a.cedar': after });
      await replica.sets.reload();
      assert.equal(replica.engine.set, active);
      assert.equal(effect(replica), 'deny');
      const [proposal] = await replica.sets.proposals();
      assert.match(proposal!.widens.join('\n'), why);
      assert.deepEqual(events(replica), ['policy.activate by gateway', 'policy.propose by gateway']);
    });
  }

  const NARROWING: Record<string, [before: string, after: string]> = {
    'a permit that goes': [permit('one') + permit('two'), permit('one')],
    'a new forbid': [permit('one'), permit('one') + forbid('no', 'false')],
    'a new forbid that asks for approval': [permit('one'), permit('one') + forbid('no', 'false', '@approve("team")')],
    'a comment, a line break, another file': [
      permit('one') + permit('two'),
      `// why\n${permit('two')}\n\n${permit('one')}`,
    ],
    'a shadow policy that comes': [permit('one'), permit('one') + permit('two', 'true', '@shadow')],
  };

  for (const [name, [before, after]] of Object.entries(NARROWING)) {
    test(`${name} counts at once`, async (t) => {
      const replica = await openReplica(t, await fresh(), { 'a.cedar': before });
      const active = replica.engine.set;
      await write(replica.folder, { 'b.cedar': after });
      await replica.sets.reload();
      assert.notEqual(replica.engine.set, active);
      assert.deepEqual(await replica.sets.proposals(), []);
      assert.deepEqual(events(replica), ['policy.activate by gateway', 'policy.activate by gateway']);
    });
  }

  test('an emptied folder, and a replica with an empty one, change nothing', async (t) => {
    const db = await fresh();
    const replica = await openReplica(t, db, { 'a.cedar': permit('one') });
    const active = replica.engine.set;
    await write(replica.folder, {});
    const status = await replica.sets.reload();
    assert.match(status.problems[0]!.message, /holds no policies/);
    const other = await openReplica(t, db, {}, { activation: () => 'file' });
    assert.deepEqual([replica.engine.set, other.engine.set], [active, active]);
  });

  test('a bad edit keeps the old set and says where it is wrong', async (t) => {
    const replica = await openReplica(t, await fresh(), { 'a.cedar': permit('one') });
    const active = replica.engine.set;
    await write(replica.folder, { 'a.cedar': `${permit('one')}\npermit (principal, action resource);` });
    const status = await replica.sets.reload();
    assert.equal(replica.engine.set, active);
    assert.equal(effect(replica), 'permit');
    assert.deepEqual(
      status.problems.map(({ file, line, column }) => ({ file, line, column })),
      [{ file: 'a.cedar', line: 4, column: 27 }],
    );
    assert.match(replica.reports[0]!, /stays active: Error: a\.cedar:4:27: unexpected token `resource`/);
  });

  test('an edit that does not fit the registered tools keeps the old set', async (t) => {
    const replica = await openReplica(t, await fresh(), { 'a.cedar': permit('one') });
    replica.engine.useCatalog([FILES]);
    const active = replica.engine.set;
    await write(replica.folder, { 'a.cedar': permit('one') + forbid('no', 'context.args.pth == "x"') });
    const status = await replica.sets.reload();
    assert.equal(replica.engine.set, active);
    assert.match(status.problems[0]!.message, /pth/);
  });

  test('a person activates a proposal by its digest, or the beginning of it', async (t) => {
    const replica = await openReplica(t, await fresh(), { 'a.cedar': permit('one', 'false') });
    await write(replica.folder, { 'a.cedar': permit('one') });
    await replica.sets.reload();
    const [proposal] = await replica.sets.proposals();
    const active = await replica.sets.activate(proposal!.digest.slice(0, 12), 'person:ann', 'reviewed');
    assert.ok(!isRefusal(active));
    assert.equal(active.activated_by, 'person:ann');
    assert.equal(effect(replica), 'permit');
    assert.deepEqual(await replica.sets.proposals(), []);
    assert.equal(replica.changes.at(-1)!.by, 'person:ann');
    assert.deepEqual(replica.changes.at(-1)!.payload, { why: 'reviewed' });
  });

  test('what was never proposed cannot be activated', async (t) => {
    const replica = await openReplica(t, await fresh(), { 'a.cedar': permit('one') });
    const active = replica.engine.set;
    for (const digest of ['f'.repeat(64), 'abc', '%', `${active}0`, "' or 1=1 --", '']) {
      const refusal = await replica.sets.activate(digest, 'person:ann', 'please');
      assert.ok(isRefusal(refusal) && refusal.code === 'not_found', digest);
    }
    assert.equal(replica.engine.set, active);
  });

  test('a set that was active before can be activated again', async (t) => {
    const replica = await openReplica(t, await fresh(), { 'a.cedar': permit('one') });
    const first = replica.engine.set;
    await write(replica.folder, { 'a.cedar': permit('one') + forbid('no') });
    await replica.sets.reload();
    assert.equal(effect(replica), 'deny');
    assert.ok(!isRefusal(await replica.sets.activate(first, 'person:ann', 'the forbid was a mistake')));
    assert.equal(effect(replica), 'permit');
  });

  test('a receipt that cannot be written leaves the set as it was', async (t) => {
    const db = await fresh();
    let broken = false;
    const replica = await openReplica(
      t,
      db,
      { 'a.cedar': permit('one') + permit('two') },
      {
        record: async () => {
          if (broken) throw new Error('the log is full');
          return 'rcp';
        },
      },
    );
    broken = true;
    const active = replica.engine.set;
    await write(replica.folder, { 'a.cedar': permit('one') });
    await assert.rejects(replica.sets.reload(), /the log is full/);
    assert.equal(replica.engine.set, active);
    const other = await openReplica(t, db, {});
    assert.equal(other.engine.set, active);
  });

  test('with activation by file every valid edit counts at once, and a bad one does not', async (t) => {
    const replica = await openReplica(
      t,
      await fresh(),
      { 'a.cedar': permit('one', 'false') },
      { activation: () => 'file' },
    );
    await write(replica.folder, { 'a.cedar': permit('one') });
    await replica.sets.reload();
    assert.equal(effect(replica), 'permit');
    await write(replica.folder, { 'a.cedar': 'nonsense' });
    await replica.sets.reload();
    assert.equal(effect(replica), 'permit');
  });

  test('a folder that goes back to what is active takes its proposal back', async (t) => {
    const replica = await openReplica(t, await fresh(), { 'a.cedar': permit('one', 'false') });
    await write(replica.folder, { 'a.cedar': permit('one') });
    await replica.sets.reload();
    await write(replica.folder, { 'a.cedar': permit('one', 'false') });
    await replica.sets.reload();
    assert.deepEqual(await replica.sets.proposals(), []);
  });

  test('replicas follow what is active, whatever their own folder says', async (t) => {
    const db = await fresh();
    const one = await openReplica(t, db, { 'a.cedar': permit('one', 'false') });
    const two = await openReplica(t, db, { 'a.cedar': permit('one', 'false') });
    assert.equal(two.engine.set, one.engine.set);
    await write(one.folder, { 'a.cedar': permit('one') });
    await one.sets.reload();
    const [proposal] = await two.sets.proposals();
    assert.ok(!isRefusal(await one.sets.activate(proposal!.digest, 'person:ann', 'reviewed')));
    await two.state.poll();
    assert.equal(two.engine.set, one.engine.set);
    assert.equal(effect(two), 'permit');
  });

  test('a replica that starts with an older folder does not undo what was activated since', async (t) => {
    const db = await fresh();
    const old = permit('one') + forbid('no');
    const one = await openReplica(t, db, { 'a.cedar': old });
    await write(one.folder, { 'a.cedar': permit('one') });
    await one.sets.reload();
    const [proposal] = await one.sets.proposals();
    await one.sets.activate(proposal!.digest, 'person:ann', 'reviewed');
    const two = await openReplica(t, db, { 'a.cedar': old });
    assert.equal(two.engine.set, one.engine.set);
    assert.equal(effect(two), 'permit');
    assert.equal((await two.sets.proposals()).length, 1);
  });

  test('a replica that starts with a widening folder proposes it and decides by what is active', async (t) => {
    const db = await fresh();
    const one = await openReplica(t, db, { 'a.cedar': permit('one', 'false') });
    const two = await openReplica(t, db, { 'a.cedar': permit('one') });
    assert.equal(two.engine.set, one.engine.set);
    assert.equal(effect(two), 'deny');
  });

  test('a set that the database no longer holds whole is not decided by', async (t) => {
    const db = await fresh();
    const one = await openReplica(t, db, { 'a.cedar': permit('one', 'false') });
    const forged = JSON.stringify([{ name: 'a.cedar', text: permit('one') }]);
    await db.query('update policy_sets set files = $1', [forged]);
    await assert.rejects(openReplica(t, db, {}), /its digest is wrong/);
    assert.equal(effect(one), 'deny');
  });

  test('an edit that cannot be made durable changes nothing, and is tried again', async (t) => {
    const db = await fresh();
    let broken = false;
    const faults = (point: FaultPoint) => (broken && point.at === 'begin' ? [{ kind: 'fail' } as const] : []);
    const hurried: Clock = { ...clock, after: (delay_ms, work) => clock.after(Math.min(delay_ms, 100), work) };
    const replica = await openReplica(
      t,
      withFaults(db, clock, faults),
      { 'a.cedar': permit('one') },
      { watch: true, clock: hurried },
    );
    await sleep(50);
    broken = true;
    await write(replica.folder, { 'a.cedar': permit('one') + forbid('no') });
    for (let waited = 0; replica.reports.length === 0 && waited < 8_000; waited += 50) await sleep(50);
    assert.match(replica.reports[0]!, /could not be made durable/);
    assert.equal(effect(replica), 'permit');
    broken = false;
    for (let waited = 0; effect(replica) !== 'deny' && waited < 8_000; waited += 50) await sleep(50);
    assert.equal(effect(replica), 'deny');
  });

  test('an edit is taken up while running', async (t) => {
    const replica = await openReplica(t, await fresh(), { 'a.cedar': permit('one') }, { watch: true });
    await sleep(50);
    await write(replica.folder, { 'a.cedar': permit('one') + forbid('no') });
    for (let waited = 0; effect(replica) !== 'deny' && waited < 8_000; waited += 50) await sleep(50);
    assert.equal(effect(replica), 'deny');
    assert.deepEqual(replica.reports, []);
  });
});
