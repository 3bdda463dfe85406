import assert from 'node:assert/strict';
import { test } from 'node:test';
import { policyMigrations } from '../../src/controls/policy/index.ts';
import type { Clock } from '../../src/core/clock.ts';
import { isRefusal, type Refusal } from '../../src/core/refusal.ts';
import { call, clock, FILES, forbid, openReplica, permit, type Replica, write } from '../policy/support.ts';
import { onEveryDatabase } from '../support/databases.ts';

const TOOL = { type: 'Tool', id: 'files/read' };
const asked = (more: object = {}) => ({
  ...{ agent: 'ann', actions: ['tool.call'], resource: TOOL, when: undefined },
  ...{ for_seconds: 3_600, reason: 'the release' },
  ...more,
});
const read = (agent = 'ann', path = 'a') => {
  const request = call('files/read', { path });
  return { ...request, principal: { type: 'Agent' as const, id: agent }, agent: { ...request.agent, id: agent } };
};
const effect = (replica: Replica, agent?: string, path?: string): string =>
  replica.engine.decide(read(agent, path)).effect;

function ok<T>(done: T | Refusal): T {
  assert.ok(!isRefusal(done), isRefusal(done) ? `${done.code}: ${done.reason}` : '');
  return done as T;
}

function refused(done: unknown, says: RegExp, code = 'input_invalid'): void {
  assert.ok(isRefusal(done), `${JSON.stringify(done)} is no refusal`);
  assert.equal(done.code, code, done.reason);
  assert.match(`${done.public} ${done.reason}`, says);
}

async function eventually(holds: () => boolean | Promise<boolean>, what: string): Promise<void> {
  for (let tries = 0; tries < 400; tries += 1) {
    if (await holds()) return;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  assert.fail(what);
}

const NOTHING = { 'a.cedar': permit('other', 'context.run.job == "another"') };

onEveryDatabase('temporary privilege', (place) => {
  const fresh = async () => (await place.fresh(policyMigrations)).db;

  test('permits the agent, the action and the resource that it names, and nothing else', async (t) => {
    const replica = await openReplica(t, await fresh(), NOTHING);
    replica.engine.useCatalog([FILES]);
    assert.equal(effect(replica), 'deny');
    const { grant, warnings } = ok(await replica.grants.give(asked(), 'person:bob'));
    assert.deepEqual(warnings, []);
    const decision = replica.engine.decide(read());
    assert.deepEqual([decision.effect, decision.policies], ['permit', [grant.policy]]);
    assert.deepEqual(decision.rests_on, { grants: [grant.policy], until: grant.expires_at });
    assert.match(decision.notes[0]!.reason, /the release/);
    assert.equal(decision.set, replica.engine.set);
    assert.equal(effect(replica, 'eve'), 'deny');
    const other = call('files/write', { path: 'a' });
    assert.equal(replica.engine.decide(other).effect, 'deny');
    // For itself, not in another server's name: sampling and the like have a principal of their own.
    assert.equal(replica.engine.decide({ ...read(), principal: { type: 'Tool', id: 'files' } }).effect, 'deny');
    const facts = { ...read(), access: undefined };
    assert.deepEqual(
      replica.engine.visible(
        facts,
        [TOOL, { ...TOOL, id: 'files/write' }].map((resource) => ({ action: 'tool.call', resource })),
      ),
      [true, false],
    );
  });

  test('is recorded when it is given and when it ends, with who, why and until when', async (t) => {
    const replica = await openReplica(t, await fresh(), NOTHING);
    const { grant } = ok(await replica.grants.give(asked({ when: 'context.args.path like "a*"' }), 'person:bob'));
    ok(await replica.grants.end(grant.id, 'person:cy', 'done'));
    const [given, ended] = replica.changes.slice(-2);
    assert.deepEqual([given!.event, given!.by, given!.subject], ['privilege.give', 'person:bob', grant.id]);
    const { expires_at, why, text } = given!.payload as Record<string, string>;
    assert.deepEqual([expires_at, why], [grant.expires_at, 'the release']);
    assert.match(text!, /context\.args\.path like "a\*"/);
    assert.deepEqual(
      [ended!.event, ended!.by, ended!.payload],
      ['privilege.end', 'person:cy', { agent: 'ann', why: 'done' }],
    );
    assert.equal(effect(replica), 'deny');
    refused(await replica.grants.end(grant.id, 'person:cy', 'again'), /is open/, 'not_found');
    assert.deepEqual(await replica.grants.list(), []);
    assert.deepEqual(
      (await replica.grants.list(true)).map(({ ended }) => ended?.why),
      ['done'],
    );
  });

  test('lifts no prohibition, and says which may still refuse', async (t) => {
    const files = { 'a.cedar': forbid('never', 'context.args.path like "secret/*"') + NOTHING['a.cedar'] };
    const replica = await openReplica(t, await fresh(), files);
    replica.engine.useCatalog([FILES]);
    const { warnings } = ok(await replica.grants.give(asked(), 'person:bob'));
    assert.match(warnings.join(), /lifts no prohibition; the prohibition never may still refuse/);
    assert.equal(effect(replica, 'ann', 'a'), 'permit');
    assert.equal(effect(replica, 'ann', 'secret/a'), 'deny');
    await write(replica.folder, { 'a.cedar': files['a.cedar'] + forbid('all') });
    await replica.sets.reload();
    assert.equal(effect(replica), 'deny');
  });

  test('does not lift what asks for approval, nor what erred', async (t) => {
    const files = { 'a.cedar': forbid('ask', 'true', '@approve("team")') + NOTHING['a.cedar'] };
    const replica = await openReplica(t, await fresh(), files);
    ok(await replica.grants.give(asked(), 'person:bob'));
    assert.equal(effect(replica), 'hold');
    await write(replica.folder, { 'a.cedar': files['a.cedar'] + forbid('errs', 'context.args.none == "x"') });
    await replica.sets.reload();
    assert.equal(effect(replica), 'deny');
  });

  test('beside a permit of the set it is named, and nothing rests on it', async (t) => {
    const replica = await openReplica(t, await fresh(), { 'a.cedar': permit('own') });
    const { grant } = ok(await replica.grants.give(asked(), 'person:bob'));
    const decision = replica.engine.decide(read());
    assert.deepEqual([decision.policies, decision.rests_on], [['own', grant.policy], undefined]);
  });

  const WRONG: Record<string, [more: object, says: RegExp]> = {
    'a second policy in the condition': [
      { when: 'true }; permit (principal, action, resource) when { true' },
      /one Cedar expression|id|valid/,
    ],
    'a second clause in the condition': [{ when: 'true } unless { false' }, /one Cedar expression/],
    'a comment that opens': [{ when: 'true /* ' }, /not a valid policy/],
    'text that is no condition': [{ when: 'yes please' }, /not a valid policy/],
    'an attribute that is not there': [{ when: 'context.args.pth == "x"' }, /pth/],
    'a type error': [{ when: 'context.args.path == 1 && context.args.path.contains("x")' }, /not a valid policy/],
    'the delegation, which gives nobody a right': [{ when: 'context.chain.depth == 0' }, /context\.chain/],
    'an unknown action': [{ actions: ['tool.destroy'] }, /There is no action tool\.destroy/],
    'an action that servers ask': [{ actions: ['sampling.create'] }, /asked by a server/],
    'an inherited name as an action': [{ actions: ['constructor'] }, /There is no action/],
    'a type that is none': [{ resource: { type: 'Tool::"x"; permit', id: 'x' } }, /not a type/],
    'a type that nothing has': [{ resource: { type: 'Nothing', id: 'x' } }, /not a valid policy/],
    'no time': [{ for_seconds: 0 }, /at least one/],
    'a part of a second': [{ for_seconds: 0.5 }, /at least one/],
    'more than is allowed': [{ for_seconds: 28_801 }, /at most 28800 seconds here \(policy\.grant_seconds_max\)/],
    'for ever': [{ for_seconds: Number.POSITIVE_INFINITY }, /at most/],
  };
  for (const [name, [more, says]] of Object.entries(WRONG)) {
    test(`${name} is not given`, async (t) => {
      const replica = await openReplica(t, await fresh(), NOTHING);
      replica.engine.useCatalog([FILES]);
      refused(await replica.grants.give(asked(more), 'person:bob'), says);
      assert.deepEqual(await replica.grants.list(), []);
      assert.equal(replica.changes.length, 1);
    });
  }

  const QUOTED = [
    'a"b',
    'a\\',
    '"); permit (principal, action, resource); //',
    'line\nbreak',
    '\\u{41}',
    '\u0000',
    'ä\u{1f600}',
  ];
  for (const id of QUOTED) {
    test(`the resource ${JSON.stringify(id)} is that name and nothing more`, async (t) => {
      const replica = await openReplica(t, await fresh(), NOTHING);
      const { grant } = ok(
        await replica.grants.give(
          asked({ resource: { type: 'Tool', id }, reason: id.trim() === '' ? 'r' : 'why' }),
          'person:bob',
        ),
      );
      assert.equal(replica.engine.decide(call(id, {})).policies[0], grant.policy);
      assert.equal(effect(replica), 'deny');
    });
  }

  test('a server stands for all that it serves, and for nothing of another', async (t) => {
    const replica = await openReplica(t, await fresh(), NOTHING);
    ok(await replica.grants.give(asked({ resource: { type: 'Server', id: 'files' } }), 'person:bob'));
    assert.equal(effect(replica), 'permit');
    assert.equal(replica.engine.decide(call('files2/read', {})).effect, 'deny');
  });

  test('counts on every replica before anything is decided under the new version', async (t) => {
    const db = await fresh();
    const one = await openReplica(t, db, NOTHING);
    const two = await openReplica(t, db, NOTHING);
    const { grant } = ok(await one.grants.give(asked(), 'person:bob'));
    await two.state.poll();
    assert.equal(effect(two), 'permit');
    ok(await two.grants.end(grant.id, 'person:bob', 'x'));
    const before = one.state.version();
    await one.state.poll();
    assert.ok(one.state.version() > before);
    assert.equal(effect(one), 'deny');
  });

  /** A database's clock that a test moves; timers run as they are. */
  const movable = () => {
    const time = { now: Date.now() };
    const hurried: Clock = { ...clock, after: (delay_ms, work) => clock.after(Math.min(delay_ms, 20), work) };
    return { time, parts: { now: () => time.now, clock: hurried } };
  };

  test('ends by itself, to the millisecond, before anybody has recorded it', async (t) => {
    const { time, parts } = movable();
    const replica = await openReplica(t, await fresh(), NOTHING, parts);
    const { grant } = ok(await replica.grants.give(asked({ for_seconds: 60 }), 'person:bob'));
    const list = () => replica.engine.visible(read(), [read().access])[0];
    time.now = grant.expires_at - 1;
    assert.deepEqual([effect(replica), list()], ['permit', true]);
    time.now = grant.expires_at;
    assert.deepEqual([effect(replica), list(), replica.engine.isOpen(grant.policy)], ['deny', false, false]);
    // Whoever asks after the end is told so, whatever the clock says afterwards.
    time.now = grant.expires_at - 30_000;
    assert.equal(effect(replica), 'deny');
  });

  test('its end is recorded once, whichever replica is first', async (t) => {
    const db = await fresh();
    const { time, parts } = movable();
    const one = await openReplica(t, db, NOTHING, parts);
    const two = await openReplica(t, db, NOTHING, parts);
    const { grant } = ok(await one.grants.give(asked({ for_seconds: 1 }), 'person:bob'));
    await two.state.poll();
    time.now = grant.expires_at + 1;
    const ended = async () => (await one.grants.list(true)).some(({ ended }) => ended?.by === 'gateway');
    await eventually(ended, 'its end was never recorded');
    const all = [...one.changes, ...two.changes].filter(({ event }) => event === 'privilege.end');
    assert.deepEqual(
      all.map(({ by, subject }) => [by, subject]),
      [['gateway', grant.id]],
    );
    refused(await one.grants.end(grant.id, 'person:bob', 'late'), /is open/, 'not_found');
  });

  test('a replica that starts takes over what stands open, and nothing that has ended', async (t) => {
    const db = await fresh();
    const one = await openReplica(t, db, NOTHING);
    const kept = ok(await one.grants.give(asked(), 'person:bob')).grant;
    const gone = ok(await one.grants.give(asked({ agent: 'eve' }), 'person:bob')).grant;
    ok(await one.grants.end(gone.id, 'person:bob', 'x'));
    const two = await openReplica(t, db, NOTHING);
    assert.deepEqual([effect(two), effect(two, 'eve'), two.engine.isOpen(kept.policy)], ['permit', 'deny', true]);
    const late = await openReplica(t, db, NOTHING, { now: () => kept.expires_at });
    assert.equal(effect(late), 'deny');
  });

  test('outlives a change of the set, and holds for agents of the canary too', async (t) => {
    const replica = await openReplica(t, await fresh(), NOTHING, { source: () => 'console' });
    ok(await replica.grants.give(asked(), 'person:bob'));
    const text = permit('third', 'context.run.job == "a third"');
    const done = ok(
      await replica.sets.propose({ edits: [{ name: 'a.cedar', text }] }, { by: 'x', why: 'x', write_folder: false }),
    );
    assert.ok(done.kind === 'proposed');
    const set = done.version.digest;
    ok(await replica.sets.canary({ digest: set, share_ppm: 1_000_000 }, 'person:bob', 'x'));
    assert.deepEqual([effect(replica), replica.engine.decide(read()).set], ['permit', set]);
    ok(await replica.sets.activate(set, 'person:bob', 'x'));
    assert.deepEqual([effect(replica), replica.engine.decide(read()).set], ['permit', set]);
  });

  test('a receipt that cannot be written gives nothing', async (t) => {
    const broken = { now: false };
    const record = async () => {
      if (broken.now) throw new Error('the log is full');
      return 'rcp';
    };
    const replica = await openReplica(t, await fresh(), NOTHING, { record });
    broken.now = true;
    await assert.rejects(replica.grants.give(asked(), 'person:bob'), /the log is full/);
    assert.equal(effect(replica), 'deny');
    assert.deepEqual(await replica.grants.list(), []);
  });
});
