import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { Presented } from '../../src/core/exchange.ts';
import type { Caller } from '../../src/core/principal.ts';
import { isRefusal, type RefusalCode } from '../../src/core/refusal.ts';
import { AgentClient, type AgentKey } from '../support/agent-client.ts';
import { makeAgentKey, openWorld, publicHalf, type Replica, type World } from '../support/identity.ts';

const HOUR_MS = 3_600_000;
let world: World;

before(async () => {
  world = await openWorld();
});
after(() => world.close());

describe('registering an agent', () => {
  test('makes a key and gives its private half once', async () => {
    const added = await world.identity.agents.add({ id: 'made', owner: 'ops', jobs: ['b', 'a', 'a'] }, 'person:usr_1');
    assert.ok(!isRefusal(added));
    assert.deepEqual(added.agent.jobs, ['a', 'b']);
    const key = added.private_key!.reveal() as unknown as AgentKey;
    assert.equal(key.kid, added.agent.key);
    assert.equal(String(added.private_key), '[secret]');
    const client = await AgentClient.open({ issuer: world.issuer, agent: 'made', key, job: 'a' });
    assert.ok(!isRefusal(await world.identity.authenticate(world.present(client))));
    const receipt = world.recorded.find(({ event, subject }) => event === 'agent.add' && subject === 'made');
    assert.equal(receipt?.by, 'person:usr_1');
    assert.doesNotMatch(JSON.stringify(receipt), new RegExp(key.d));
  });

  test('takes a public key and gives nothing back', async () => {
    const public_key = publicHalf(makeAgentKey('Ed25519'));
    const added = await world.identity.agents.add({ id: 'given', owner: 'ops', jobs: ['a'], public_key }, 'local');
    assert.ok(!isRefusal(added) && added.private_key === undefined);
  });

  const good = { id: 'x', owner: 'ops', jobs: ['a'] };
  const cases: [string, RefusalCode, Parameters<World['identity']['agents']['add']>[0]][] = [
    ['an id that is taken', 'already_exists', { ...good, id: 'given' }],
    ['an id with a slash', 'input_invalid', { ...good, id: 'a/b' }],
    ['an id in capitals', 'input_invalid', { ...good, id: 'Admin' }],
    ['an id that would close a policy’s quotes', 'input_invalid', { ...good, id: 'a" ) permit' }],
    ['no job', 'input_invalid', { ...good, jobs: [] }],
    ['a hundred jobs', 'input_invalid', { ...good, jobs: Array.from({ length: 100 }, (_, at) => `j${at}`) }],
    ['a job with a space', 'input_invalid', { ...good, jobs: ['a b'] }],
    ['an owner with a terminal escape', 'input_invalid', { ...good, owner: 'ops\u001b[2J' }],
    ['an owner with a bidirectional override', 'input_invalid', { ...good, owner: 'ops\u202etxt' }],
    [
      'the private half of a key',
      'input_invalid',
      { ...good, public_key: { ...makeAgentKey() } as Record<string, string> },
    ],
    ['an RSA key', 'input_invalid', { ...good, public_key: { kty: 'RSA', n: 'AQAB', e: 'AQAB' } }],
    [
      'a point off the curve',
      'input_invalid',
      { ...good, public_key: { kty: 'EC', crv: 'P-256', x: 'A'.repeat(43), y: 'A'.repeat(43) } },
    ],
  ];
  for (const [what, code, agent] of cases) {
    test(`refuses ${what}: ${code}`, async () => {
      const result = await world.identity.agents.add(agent, 'local');
      assert.equal(isRefusal(result) ? result.code : 'accepted', code);
    });
  }

  test('again after removal inherits no credential, and keeps its labels', async () => {
    const { identity } = world;
    const first = await world.agent({ id: 'phoenix' });
    const caller = (await identity.authenticate(world.present(first))) as Caller;
    await world.db.transaction((tx) =>
      identity.runs.raise(tx, caller.run, { confidentiality: 'restricted', integrity: 'untrusted' }),
    );
    assert.equal(await identity.agents.remove('phoenix', 'local'), undefined);
    assert.equal((await identity.agents.remove('phoenix', 'local'))?.code, 'not_found');
    assert.equal(await codeOf(world.present(first)), 'agent_unknown');
    const key = makeAgentKey();
    await identity.agents.add(
      { id: 'phoenix', owner: 'ops', jobs: ['triage-issues'], public_key: publicHalf(key) },
      'local',
    );
    assert.equal(await codeOf(world.present(first)), 'token_revoked');
    const again = await AgentClient.open({ issuer: world.issuer, agent: 'phoenix', key, job: 'triage-issues' });
    const run = await identity.loadRun((await identity.authenticate(world.present(again))) as Caller);
    assert.ok(!isRefusal(run));
    assert.deepEqual(run.labels, { confidentiality: 'restricted', integrity: 'untrusted' });
  });
});

async function codeOf(presented: Presented, replica: Replica = world): Promise<RefusalCode | 'accepted'> {
  const result = await replica.identity.authenticate(presented);
  return isRefusal(result) ? result.code : 'accepted';
}

describe('a bearer token', () => {
  let secret = '';
  let id = '';
  let client: AgentClient;
  const asBearer = (value: string): Presented =>
    world.present(client, { authorization: `Bearer ${value}`, proofs: [] });

  before(async () => {
    client = await world.agent({ id: 'simple', jobs: ['read', 'write'] });
    const issued = await world.identity.tokens.issue(
      { agent: 'simple', job: 'read', expires_at: world.clock.now() + 48 * HOUR_MS },
      'local',
    );
    assert.ok(!isRefusal(issued));
    secret = issued.secret.reveal();
    id = issued.token.id;
  });

  test('is one job of one agent, and policy sees what it is', async () => {
    const caller = (await world.identity.authenticate(asBearer(secret))) as Caller;
    assert.deepEqual(caller.credential, { kind: 'bearer', thumbprint: id });
    assert.equal(caller.proof, undefined);
    const run = await world.identity.loadRun(caller);
    assert.ok(!isRefusal(run) && run.job === 'read' && run.opened_by === 'gateway');
  });

  test('is a SHA-256 in the database', async () => {
    const rows = await world.db.query('select * from identity_tokens');
    assert.ok(rows.length > 0);
    assert.ok(!JSON.stringify(rows).includes(secret.slice(3)));
    assert.match(secret, /^sp_[A-Za-z0-9_-]{43}$/);
  });

  test('stays in one run, on all replicas, until an hour of silence', async () => {
    const other = await world.another();
    const at = async (replica: Replica): Promise<string> =>
      ((await replica.identity.authenticate(asBearer(secret))) as Caller).run;
    const [here, there] = await Promise.all([at(world), at(other)]);
    assert.equal(here, there);
    assert.equal(await at(world), here);
    world.clock.forward(HOUR_MS - 60_000);
    assert.equal(await at(world), here);
    world.clock.forward(HOUR_MS + 1_000);
    const next = await at(world);
    assert.notEqual(next, here);
    assert.equal(await at(other), next);
    assert.ok(world.recorded.some(({ event, subject }) => event === 'run.open' && subject === next));
  });

  test('opens one run, however many requests come at once', async () => {
    const issued = await world.identity.tokens.issue(
      { agent: 'simple', job: 'write', expires_at: world.clock.now() + HOUR_MS },
      'local',
    );
    assert.ok(!isRefusal(issued));
    const presented = asBearer(issued.secret.reveal());
    const callers = await Promise.all(Array.from({ length: 20 }, () => world.identity.authenticate(presented)));
    assert.equal(new Set(callers.map((caller) => (caller as Caller).run)).size, 1);
  });

  test('works on every replica from the moment it is issued', async () => {
    const other = await world.another();
    const expires_at = world.clock.now() + HOUR_MS;
    const issued = await world.identity.tokens.issue({ agent: 'simple', job: 'write', expires_at }, 'local');
    assert.ok(!isRefusal(issued));
    assert.equal(await codeOf(asBearer(issued.secret.reveal()), other), 'accepted');
  });

  test('gets a new run when its run was ended', async () => {
    const first = (await world.identity.authenticate(asBearer(secret))) as Caller;
    await world.identity.runs.end(first.run, 'local');
    const second = (await world.identity.authenticate(asBearer(secret))) as Caller;
    assert.notEqual(second.run, first.run);
    const run = await world.identity.loadRun(first);
    assert.ok(isRefusal(run) && run.code === 'run_ended');
  });

  test('of a job that was not granted, of nobody, or without a sensible end is not issued', async () => {
    const issue = async (agent: string, job: string, ms: number): Promise<string> => {
      const issued = await world.identity.tokens.issue({ agent, job, expires_at: world.clock.now() + ms }, 'local');
      return isRefusal(issued) ? issued.code : 'issued';
    };
    assert.equal(await issue('simple', 'pay', HOUR_MS), 'job_not_granted');
    assert.equal(await issue('nobody', 'read', HOUR_MS), 'not_found');
    assert.equal(await issue('simple', 'read', -1), 'input_invalid');
    assert.equal(await issue('simple', 'read', 10 * 365 * 24 * HOUR_MS), 'input_invalid');
  });

  test('ends: expired, revoked, each with its own code', async () => {
    const short = await world.identity.tokens.issue(
      { agent: 'simple', job: 'read', expires_at: world.clock.now() + 5_000 },
      'local',
    );
    assert.ok(!isRefusal(short));
    world.clock.forward(6_000);
    assert.equal(await codeOf(asBearer(short.secret.reveal())), 'token_expired');
    await world.identity.agents.add({ id: 'refresh', owner: 'ops', jobs: ['a'] }, 'local');
    assert.equal(await codeOf(asBearer(short.secret.reveal())), 'token_expired');
    assert.equal(await world.identity.tokens.revoke(id, 'local'), undefined);
    assert.equal(await codeOf(asBearer(secret)), 'token_revoked');
    assert.equal((await world.identity.tokens.revoke(id, 'local'))?.code, 'not_found');
    assert.ok((await world.identity.tokens.list()).some((token) => token.id === id && token.revoked_at !== null));
  });
});

describe('a run', () => {
  test('is refused where the job was taken from its agent, where it is another’s, where there is none', async () => {
    const client = await world.agent({ id: 'runner' });
    const [newest] = await world.identity.runs.list(1);
    const caller: Caller = {
      principal: { type: 'Agent', id: 'runner' },
      agent: world.identity.agents.get('runner')!,
      generation: 1,
      credential: { kind: 'dpop', thumbprint: 'k' },
      token: 't',
      run: String(client.claims.run),
      subject: null,
      chain: [],
      proof: undefined,
    };
    assert.ok(!isRefusal(await world.identity.loadRun(caller)));
    const code = async (changed: Partial<Caller>): Promise<string> => {
      const run = await world.identity.loadRun({ ...caller, ...changed });
      return isRefusal(run) ? run.code : 'open';
    };
    assert.equal(await code({ run: `run_${'a'.repeat(26)}` }), 'run_unknown');
    assert.equal(await code({ agent: world.identity.agents.get('simple')! }), 'run_unknown');
    assert.equal(await code({ agent: { ...caller.agent, jobs: ['other'] } }), 'job_not_granted');
    assert.equal(newest?.agent, 'runner');
    world.clock.forward(25 * HOUR_MS);
    assert.equal(await code({}), 'run_ended');
  });
});
