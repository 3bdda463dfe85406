import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, test } from 'node:test';
import { openIdentity, type RecordControl, type Stop, type StopKind } from '../../src/controls/identity/index.ts';
import type { Caller } from '../../src/core/principal.ts';
import { isRefusal } from '../../src/core/refusal.ts';
import { StorageError } from '../../src/storage/index.ts';
import type { AgentClient } from '../support/agent-client.ts';
import { closedAuthorization, noDocuments } from '../support/documents.ts';
import { makeKeys, openWorld, type Replica, random, type World } from '../support/identity.ts';
import { vaultParts } from '../support/vault.ts';

let world: World;
let client: AgentClient;

before(async () => {
  world = await openWorld();
  client = await world.agent();
});
after(() => world.close());
beforeEach(async () => {
  for (const { stop } of world.identity.stops.list()) await world.identity.stops.lift(stop, 'local');
});

async function code(replica: Replica = world): Promise<string> {
  const result = await replica.identity.authenticate(world.present(client));
  return isRefusal(result) ? result.code : 'accepted';
}

async function caller(): Promise<Caller> {
  const result = await world.identity.authenticate(world.present(client));
  assert.ok(!isRefusal(result), isRefusal(result) ? result.reason : '');
  return result;
}

async function stop(kind: StopKind, id: string | null, replica: Replica = world): Promise<Stop> {
  const made = await replica.identity.stops.set({ kind, id, reason: 'it leaks', by: 'person:usr_1' });
  assert.ok(!isRefusal(made), isRefusal(made) ? made.reason : '');
  return made;
}

describe('each kind stops what it names, and a lift ends it', () => {
  const kinds: [StopKind, () => string | null][] = [
    ['all', () => null],
    ['agent', () => 'triage'],
    ['run', () => String(client.claims.run)],
    ['token', () => String(client.claims.jti)],
    ['key', () => world.identity.agents.get('triage')!.key],
  ];
  for (const [kind, id] of kinds) {
    test(kind, async () => {
      const live = await caller();
      assert.equal(world.identity.stops.find(live), undefined);
      const made = await stop(kind, id());
      assert.equal(made.durable, true);
      assert.equal(await code(), 'stopped');
      assert.equal(world.identity.stops.find(live)?.code, 'stopped');
      assert.equal(await world.identity.stops.lift(made.stop, 'local'), undefined);
      assert.equal(await code(), 'accepted');
    });
  }

  test('upstream, for whoever calls it and for what it asks of agents', async () => {
    const made = await stop('upstream', 'github');
    assert.equal(world.identity.stops.find({ upstream: 'github' })?.code, 'stopped');
    assert.equal(world.identity.stops.find({ upstream: 'files' }), undefined);
    const child: Caller = { ...(await caller()), principal: { type: 'Tool', id: 'github' } };
    assert.equal(world.identity.stops.find(child)?.code, 'stopped');
    assert.match(world.identity.stops.find({ upstream: 'github' })!.reason, /it leaks/);
    assert.doesNotMatch(world.identity.stops.find({ upstream: 'github' })!.public, /leaks|usr_1/);
    await world.identity.stops.lift(made.stop, 'local');
  });

  test('another agent goes on', async () => {
    const other = await world.agent({ id: 'other' });
    await stop('agent', 'triage');
    assert.ok(!isRefusal(await world.identity.authenticate(world.present(other))));
  });
});

describe('what a stop is not', () => {
  test('without a target or a reason', async () => {
    const { stops } = world.identity;
    assert.ok(isRefusal(await stops.set({ kind: 'agent', id: null, reason: 'x', by: 'local' })));
    assert.ok(isRefusal(await stops.set({ kind: 'agent', id: '', reason: 'x', by: 'local' })));
    assert.ok(isRefusal(await stops.set({ kind: 'all', id: null, reason: ' ', by: 'local' })));
    assert.equal((await stops.lift('stp_none', 'local'))?.code, 'not_found');
    assert.deepEqual(stops.list(), []);
  });
});

test('a stop and its lift are receipts, and change the version of the state', async () => {
  const before_version = await world.db.query<{ version: number }>("select version from state where topic = '*'");
  const made = await stop('agent', 'triage');
  await world.identity.stops.lift(made.stop, 'person:usr_2');
  const events = world.recorded.filter(({ subject }) => subject === made.stop);
  assert.deepEqual(
    events.map(({ event, by }) => [event, by]),
    [
      ['stop.set', 'person:usr_1'],
      ['stop.lift', 'person:usr_2'],
    ],
  );
  assert.equal(events[0]!.after, events[1]!.before);
  const after_version = await world.db.query<{ version: number }>("select version from state where topic = '*'");
  assert.equal(after_version[0]!.version, before_version[0]!.version + 2);
});

test('holds on another replica before its version of the state advances', async () => {
  const other = await world.another();
  const live = await caller();
  let calls = 0;
  const unlisten = other.identity.stops.onChange(() => calls++);
  const made = await stop('run', live.run);
  await other.state.poll();
  assert.equal(other.identity.stops.find(live)?.code, 'stopped');
  assert.ok(calls > 0);
  assert.equal(await code(other), 'stopped');
  unlisten();
  await world.identity.stops.lift(made.stop, 'local');
});

test('cuts who was let in before: a removed agent, a revoked token, an ended run', async () => {
  const { identity } = world;
  const other = await world.another();
  const ended = await world.agent({ id: 'ended' });
  const endedCaller = (await identity.authenticate(world.present(ended))) as Caller;
  const issued = await identity.tokens.issue(
    { agent: 'ended', job: 'triage-issues', expires_at: world.clock.now() + 60_000 },
    'local',
  );
  assert.ok(!isRefusal(issued));
  const bearer = (await identity.authenticate(
    world.present(ended, { authorization: `Bearer ${issued.secret.reveal()}`, proofs: [] }),
  )) as Caller;
  assert.equal(identity.stops.find(bearer), undefined);
  await identity.tokens.revoke(issued.token.id, 'local');
  await identity.runs.end(endedCaller.run, 'local');
  await other.state.poll();
  for (const replica of [world, other]) {
    assert.equal(replica.identity.stops.find(bearer)?.code, 'token_revoked');
    assert.equal(replica.identity.stops.find(endedCaller)?.code, 'run_ended');
  }
  await identity.agents.remove('ended', 'local');
  await other.state.poll();
  assert.equal(other.identity.stops.find(bearer)?.code, 'agent_unknown');
});

describe('while the database is away', () => {
  test('a stop holds here at once, says so, and becomes durable by itself', async () => {
    const live = await caller();
    const db = { down: false };
    const replica = await openOn(unreliable(db));
    db.down = true;
    const setting = replica.identity.stops.set({
      kind: 'all',
      id: null,
      reason: 'the database is under attack',
      by: 'local',
    });
    // Before anything is awaited.
    assert.equal(replica.identity.stops.find(live)?.code, 'stopped');
    const made = (await setting) as Stop;
    assert.equal(made.durable, false);
    assert.ok(replica.problems.length > 0);
    assert.deepEqual(
      replica.identity.stops.list().map(({ durable }) => durable),
      [false],
    );
    // Other changes at other topics do not make it forget.
    assert.equal((await replica.identity.stops.lift(made.stop, 'local'))?.code, 'log_unavailable');
    assert.equal(replica.identity.stops.find(live)?.code, 'stopped');
    db.down = false;
    await until(() => replica.identity.stops.list().every(({ durable }) => durable));
    assert.equal(replica.identity.stops.list().length, 1);
    await world.state.poll();
    assert.equal(await code(), 'stopped');
    assert.equal(await replica.identity.stops.lift(made.stop, 'local'), undefined);
    await world.state.poll();
    assert.equal(await code(), 'accepted');
    await replica.close();
  });
});

test('a stop whose receipt cannot be written holds all the same', async () => {
  const live = await caller();
  let broken = false;
  const replica = await openOn(world.db, async () => {
    if (broken) throw new Error('the log is forked');
    return 'rcp';
  });
  broken = true;
  const made = (await replica.identity.stops.set({ kind: 'run', id: live.run, reason: 'x', by: 'local' })) as Stop;
  assert.equal(made.durable, false);
  assert.equal(replica.identity.stops.find(live)?.code, 'stopped');
  broken = false;
  await until(() => replica.identity.stops.list().every(({ durable }) => durable));
  assert.equal(await replica.identity.stops.lift(made.stop, 'local'), undefined);
  await world.state.poll();
  await replica.close();
});

type Switch = { down: boolean };

/** The world's database, on which changes fail while `down`. */
function unreliable(given: Switch): World['db'] {
  const { db } = world;
  return {
    dialect: db.dialect,
    query: (text, values) => db.query(text, values),
    transaction: (work) =>
      given.down ? Promise.reject(new StorageError('unavailable', 'no route to the database')) : db.transaction(work),
    notify: (channel) => db.notify(channel),
    listen: (channel, changed) => db.listen(channel, changed),
    now: () => db.now(),
    close: () => Promise.resolve(),
  };
}

/** An identity whose database this test can take away; reading it may go on. */
async function openOn(
  db: World['db'],
  record: RecordControl = async () => 'rcp',
): Promise<{ identity: World['identity']; problems: string[]; close(): Promise<void> }> {
  const problems: string[] = [];
  const identity = await openIdentity({
    db,
    clock: world.clock,
    random,
    state: world.state,
    issuer: world.issuer,
    ...closedAuthorization,
    keys: makeKeys(),
    record,
    documents: noDocuments,
    vault: vaultParts(),
    refused: () => {},
    report: (problem) => problems.push(problem),
  });
  return { identity, problems, close: () => identity.close() };
}

async function until(holds: () => boolean): Promise<void> {
  const deadline = Date.now() + 5_000;
  while (!holds()) {
    assert.ok(Date.now() < deadline, 'it never happened');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
