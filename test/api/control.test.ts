import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { type Client, createClient } from '../../src/api/client/index.ts';
import { socketTransport } from '../../src/api/client/socket.ts';
import type { Status } from '../../src/api/contract/index.ts';
import { type Browser, type ControlPlane, openControlPlane } from '../support/control-plane.ts';

/** What people change, and what they are told: each change by its route, with its receipt. */
let plane: ControlPlane;
let local: Client;
let admin: Browser;

before(async () => {
  plane = await openControlPlane();
  local = createClient(socketTransport(plane.api.socket_path!), 'test');
  admin = await plane.person(['admin', 'approver'], { present: true });
});
after(() => plane.close());

async function status(): Promise<Status> {
  const answer = await local.call('status', {});
  return answer.kind === 'ok' ? answer.value : assert.fail(JSON.stringify(answer));
}

/** Control receipts written meanwhile, as `event by`. */
async function receiptsOf(work: () => Promise<unknown>): Promise<string[]> {
  await plane.ledger.drain();
  const from = plane.ledger.status().size - 1;
  await work();
  await plane.ledger.drain();
  const { receipts } = await plane.ledger.feed(from, 1_000);
  return receipts.flatMap(({ receipt }) =>
    receipt.kind === 'control' ? [`${receipt.event} ${receipt.by.split(':')[0]}`] : [],
  );
}

const post = (path: string, body: unknown) => plane.send({ method: 'POST', path, headers: admin.headers, body });
const remove = (path: string) => plane.send({ method: 'DELETE', path, headers: admin.headers });

describe('status', () => {
  test('says what is wrong and what to do about it, and nothing where nothing is', async () => {
    assert.deepEqual((await status()).wrong, []);
    plane.upstreams.push({
      server: 'files',
      state: 'waiting',
      eras: [],
      sessions: 0,
      restarts: 3,
      dropped: 0,
      last_error: 'exited \u001b[31mwith code 1',
      exposure: 'bypassable',
      exposure_note: 'how to enclose it',
    });
    Object.assign(plane.state, {
      leased: false,
      faults: [{ code: 'config_invalid', what: 'x', remedy: 'y', since: 1 }],
    });
    const { wrong, upstreams, replica } = await status();
    assert.deepEqual(wrong.map(({ code }) => code).sort(), ['config_invalid', 'lease_lapsed', 'upstream_unavailable']);
    for (const { remedy } of wrong) assert.ok(remedy.length > 0);
    assert.equal(replica.leased, false);
    assert.equal(upstreams[0]?.exposure, 'bypassable');
    plane.upstreams.pop();
    for (const key of ['leased', 'faults'] as const) delete plane.state[key];
  });

  test('says when the gateway only observes, and until when', async () => {
    Object.assign(plane.state, { mode: 'observing', observing_until: 5_000 });
    const { mode, observing_until } = await status();
    assert.deepEqual([mode, observing_until], ['observing', 5_000]);
    for (const key of ['mode', 'observing_until'] as const) delete plane.state[key];
  });
});

describe('policy', () => {
  test('an edit that widens waits, and a present approver activates it by its digest', async () => {
    const wider =
      '@id("anyone-lists") @reason("Listing is harmless.") @public("List.") permit (principal, action == Action::"tool.call", resource == Tool::"files/list");';
    writeFileSync(join(plane.policies, 'more.cedar'), wider);
    await plane.policy.sets.reload();
    const before = await local.call('policy', {});
    assert.ok(before.kind === 'ok');
    const [proposal] = before.value.proposals;
    assert.deepEqual(proposal?.added, ['anyone-lists']);
    assert.ok(proposal!.widens.length > 0);
    assert.deepEqual(proposal!.changes, [{ id: 'anyone-lists', before: null, after: wider }]);
    assert.equal((await status()).waiting.filter(({ kind }) => kind === 'proposal').length, 1);

    const alone = await local.call('policy.activate', { body: { set: proposal!.set, reason: 'mine' } });
    assert.ok(alone.kind === 'failure' && alone.problem.code === 'presence_required');
    const nothing = await post('/api/policy/activate', { set: 'f'.repeat(64), reason: 'a guess' });
    assert.equal(nothing.status, 404, nothing.text);
    assert.equal((await post('/api/policy/activate', { set: proposal!.set })).status, 400, 'without a reason');

    const written = await receiptsOf(async () => {
      const activated = await post('/api/policy/activate', { set: proposal!.set, reason: 'reviewed' });
      assert.equal(activated.status, 200, activated.text);
      assert.equal(activated.json()['why'], 'reviewed');
    });
    assert.deepEqual(written, ['policy.activate person']);
    const active = await local.call('policy', {});
    assert.ok(active.kind === 'ok' && active.value.active.set === proposal!.set);
    assert.ok(active.kind === 'ok' && active.value.proposals.length === 0);
  });
});

describe('agents and their credentials', () => {
  test('a private key is in one answer and nowhere else', async () => {
    const written = await receiptsOf(async () => {
      const added = await post('/api/agents', { id: 'triage', owner: 'ops', jobs: ['triage-issues'] });
      assert.equal(added.status, 200, added.text);
      assert.ok((added.json()['private_key'] as { d?: string }).d !== undefined);
    });
    assert.deepEqual(written, ['agent.add person']);
    const list = await plane.send({ path: '/api/agents', headers: admin.headers });
    assert.doesNotMatch(list.text, /"d":/);
    assert.equal(
      (await post('/api/agents', { id: 'triage', owner: 'x', jobs: ['y'] })).json()['code'],
      'already_exists',
    );
    for (const body of [
      { id: '', owner: 'o', jobs: ['j'] },
      { id: 'a b', owner: 'o', jobs: ['j'] },
      { id: 'a', owner: 'o', jobs: [] },
      { id: 'a', owner: 'o', jobs: ['j'], admin: true },
      { id: '__proto__"', owner: 'o', jobs: ['j'] },
    ]) {
      assert.equal((await post('/api/agents', body)).status, 400, JSON.stringify(body));
    }
  });

  test('a token is shown once, is for a job that was granted, and can be revoked', async () => {
    const issued = await post('/api/tokens', { agent: 'triage', job: 'triage-issues', days: 1 });
    assert.equal(issued.status, 200, issued.text);
    const { secret, token } = issued.json() as { secret: string; token: { id: string } };
    const list = await plane.send({ path: '/api/tokens', headers: admin.headers });
    assert.ok(list.text.includes(token.id) && !list.text.includes(secret));
    assert.notEqual((await post('/api/tokens', { agent: 'triage', job: 'other', days: 1 })).status, 200);
    assert.notEqual((await post('/api/tokens', { agent: 'nobody', job: 'triage-issues', days: 1 })).status, 200);
    for (const days of [0, 366, 1.5, '1']) {
      assert.equal((await post('/api/tokens', { agent: 'triage', job: 'triage-issues', days })).status, 400);
    }
    assert.equal((await remove(`/api/tokens/${token.id}`)).status, 200);
    const after = await plane.identity.tokens.list();
    assert.notEqual(after.find(({ id }) => id === token.id)?.revoked_at, null);
  });

  test('a stop names what it stops, marks the agent, and is in the log with who and why', async () => {
    for (const body of [
      { kind: 'agent', reason: 'x' },
      { kind: 'all', id: 'x', reason: 'x' },
      { kind: 'agent', id: 'triage' },
      { kind: 'agent', id: 'triage', reason: '' },
      { kind: 'planet', id: 'x', reason: 'x' },
    ]) {
      assert.equal((await post('/api/stops', body)).status, 400, JSON.stringify(body));
    }
    let stop = '';
    const written = await receiptsOf(async () => {
      const stopped = await post('/api/stops', { kind: 'agent', id: 'triage', reason: 'reads too much' });
      assert.equal(stopped.status, 200, stopped.text);
      stop = String(stopped.json()['stop']);
    });
    assert.deepEqual(written, ['stop.set person']);
    const agents = await local.call('agents.list', {});
    assert.ok(agents.kind === 'ok' && agents.value.agents[0]?.stopped_by === stop);
    assert.equal((await status()).stops, 1);
    assert.deepEqual(await receiptsOf(async () => assert.equal((await remove(`/api/stops/${stop}`)).status, 200)), [
      'stop.lift person',
    ]);
    assert.equal((await remove(`/api/stops/${stop}`)).status, 404);
  });

  test('a removed agent is gone, and so are its tokens', async () => {
    await post('/api/tokens', { agent: 'triage', job: 'triage-issues', days: 1 });
    assert.equal((await remove('/api/agents/triage')).status, 200);
    assert.equal((await remove('/api/agents/triage')).status, 404);
    const tokens = (await plane.identity.tokens.list()).filter(
      ({ agent, revoked_at }) => agent === 'triage' && revoked_at === null,
    );
    assert.deepEqual(tokens, []);
  });
});

test('whoever signs in over the socket can be present there, and the transport keeps the session to itself', async () => {
  const client = createClient(socketTransport(plane.api.socket_path!), 'test');
  const opened = await client.call('session.open', { body: { name: admin.name, password: admin.password } });
  assert.ok(opened.kind === 'ok' && opened.value.by.startsWith('person:'));
  plane.clock.forward(120_000);
  const present = await client.call('me.present', { body: { code: admin.code() } });
  assert.ok(present.kind === 'ok' && present.value.present_until !== null, JSON.stringify(present));
  const added = await client.call('people.add', { body: { roles: ['viewer'] } });
  assert.ok(added.kind === 'ok');
  await client.call('session.close', {});
  const after = await client.call('me', {});
  assert.ok(after.kind === 'ok' && after.value.by === 'local');
  assert.ok(
    (
      await createClient(socketTransport(plane.api.socket_path!), 'test').call('people.add', {
        body: { roles: ['viewer'] },
      })
    ).kind === 'failure',
  );
});
