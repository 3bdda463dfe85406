import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { type Operator, openOperator } from '../support/person.ts';
import { openWorld, type World } from '../support/world.ts';

/** One agent as a person looks at it, at a whole gateway. */
let world: World;
let ada: Operator;

before(async () => {
  world = await openWorld();
  ada = await openOperator(world);
});
after(() => world.stop());

describe('what an agent may see', () => {
  test('the tools that policy does not hide, and how many it does', async () => {
    await world.call(world.triage, 'append', { line: 'ok first' });
    const seen = await world.local.call('agents.tools', { params: { agent: 'triage' } });
    assert.ok(seen.kind === 'ok', JSON.stringify(seen));
    const { job, tools, hidden } = seen.value;
    assert.equal(job, 'support');
    const names = tools.filter(({ server }) => server === 'journal').map(({ name }) => name);
    assert.deepEqual(names.sort(), ['append', 'read_text']);
    assert.ok(hidden > 0);
    assert.ok(tools.every(({ state }) => state === 'pinned'));
  });

  test('another agent sees nothing, a job that was not granted is refused, and so is an unknown agent', async () => {
    await world.register('nosy');
    const nosy = await world.local.call('agents.tools', { params: { agent: 'nosy' } });
    assert.ok(nosy.kind === 'ok' && nosy.value.tools.length === 0 && nosy.value.hidden > 0);
    const asked = { params: { agent: 'triage' }, query: { job: 'payroll' } };
    const wrong = await world.local.call('agents.tools', asked);
    assert.ok(wrong.kind === 'failure' && wrong.problem.code === 'job_not_granted');
    const nobody = await world.local.call('agents.tools', { params: { agent: 'nobody' } });
    assert.ok(nobody.kind === 'failure' && nobody.status === 404);
  });
});

describe('what an agent did', () => {
  test('permitted, refused and held are told apart, by the hour', async () => {
    const agent = await world.register('triage');
    // What earlier tests did is in the log a moment later.
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    const before = await activity('triage');
    assert.equal((await world.call(agent, 'append', { line: 'ok second' })).status, 200);
    await world.call(agent, 'append', { line: 'no' });
    await world.call(agent, 'read_text', { path: 'reports/none' });
    await world.call(agent, 'append', { line: 'ok hold this' });
    const now = await activity(
      'triage',
      (counts) => counts.held > before.held && counts.permitted >= before.permitted + 2,
    );
    assert.equal(now.refused - before.refused, 1);
    assert.equal(now.held - before.held, 1);
    assert.equal(now.permitted - before.permitted, 2);
    assert.ok(now.whole && now.hours.length === 24 && now.last_at !== null);
    assert.equal(
      now.hours.reduce((sum, { permitted }) => sum + permitted, 0),
      now.permitted,
    );
  });

  test('of others nothing is counted, and an unknown agent is refused', async () => {
    await world.register('idle');
    const { permitted, refused, last_at } = await activity('idle');
    assert.deepEqual([permitted, refused, last_at], [0, 0, null]);
    const nobody = await world.local.call('agents.activity', { params: { agent: 'nobody' } });
    assert.ok(nobody.kind === 'failure' && nobody.status === 404);
  });

  /** The log is sequenced a moment after it is written. */
  async function activity(agent: string, isThere: (counts: Counts) => boolean = () => true) {
    for (;;) {
      const counted = await world.local.call('agents.activity', { params: { agent } });
      assert.ok(counted.kind === 'ok', JSON.stringify(counted));
      if (isThere(counted.value)) return counted.value;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
  type Counts = { held: number; permitted: number };
});

describe('another key', () => {
  test('takes presence: the control socket alone is refused', async () => {
    const agent = await world.register('rotated');
    const alone = await world.local.call('agents.rotate', { params: { agent: 'rotated' }, body: {} });
    assert.ok(alone.kind === 'failure', 'the socket is nobody');
    const done = await ada.client.call('agents.rotate', { params: { agent: 'rotated' }, body: {} });
    assert.ok(done.kind === 'ok', JSON.stringify(done));
    assert.equal(done.value.private_key?.['kid'], done.value.agent.key);
    const refused = await world.call(agent, 'append', { line: 'ok again' });
    assert.equal(refused.status, 401);
    assert.match(refused.text, /token_revoked/);
  });
});

test('a run tells the delegations that it stands on', async () => {
  const started = await world.local.call('runs.start', { body: { agent: 'triage', job: 'support' } });
  assert.ok(started.kind === 'ok');
  const shown = await world.local.call('runs.show', { params: { run: started.value.run.id } });
  assert.ok(shown.kind === 'ok' && shown.value.chain.length === 0);
});
