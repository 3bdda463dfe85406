import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Caller } from '../../src/core/principal.ts';
import { isRefusal } from '../../src/core/refusal.ts';
import type { AgentClient } from '../support/agent-client.ts';
import { openWorld, type World } from '../support/identity.ts';

/**
 * The attacker is a registered agent that wants more than it was given: another job, another agent's run, a run that has
 * forgotten what it read. DESIGN 10.6: job and run are granted, never asserted, and a new run sheds no label.
 */
let world: World;
let agent: AgentClient;

before(async () => {
  world = await openWorld();
  agent = await world.agent({ id: 'greedy', jobs: ['read', 'report'] });
});
after(() => world.close());

async function errorOf(extra: Record<string, string | undefined>): Promise<string> {
  const answer = (await (await agent.ask(extra)).json()) as { error?: string };
  return answer.error ?? 'granted';
}

test('a job that is not registered, by parameter, by scope, and spelt like one that is', async () => {
  assert.equal(await errorOf({ job: 'pay' }), 'invalid_scope');
  assert.equal(await errorOf({ job: undefined, scope: 'job:pay' }), 'invalid_scope');
  for (const job of ['READ', 'read ', 'read\u0000', 'read,pay', 'rеad'])
    assert.notEqual(await errorOf({ job }), 'granted');
  assert.equal(await errorOf({ job: 'read', scope: 'job:report' }), 'invalid_request');
});

test('another agent’s run', async () => {
  const other = await world.agent({ id: 'other', jobs: ['read'] });
  assert.equal(await errorOf({ job: 'read', run: String(other.claims.run) }), 'invalid_request');
});

test('a run that goes on as another job', async () => {
  await agent.renew();
  assert.equal(await errorOf({ job: 'report', run: String(agent.claims.run) }), 'invalid_request');
});

test('claims of its own in the token request', async () => {
  const response = await agent.ask({ job: 'read', generation: '99', owner: 'root', sub: 'admin', exp: '9999999999' });
  const { access_token } = (await response.json()) as { access_token: string };
  const claims = JSON.parse(Buffer.from(access_token.split('.')[1]!, 'base64url').toString());
  assert.deepEqual(
    [claims.sub, claims.generation, claims.owner],
    ['greedy', 1, world.identity.agents.get('greedy')?.owner],
  );
  assert.ok(claims.exp - claims.iat <= 600);
});

test('a new run to forget what the last one read', async () => {
  const caller = (await world.identity.authenticate(world.present(agent))) as Caller;
  const secret = { confidentiality: 'restricted', integrity: 'untrusted' } as const;
  await world.db.transaction((tx) => world.identity.runs.raise(tx, caller.run, secret));
  const raised = await world.identity.loadRun(caller);
  assert.ok(!isRefusal(raised));
  assert.deepEqual(raised.labels, secret);
  await world.db.transaction((tx) =>
    world.identity.runs.raise(tx, caller.run, { confidentiality: 'public', integrity: 'trusted' }),
  );
  for (const job of ['read', 'report']) {
    const answer = (await (await agent.ask({ job })).json()) as { access_token: string };
    agent.use(answer.access_token);
    const next = await world.identity.loadRun((await world.identity.authenticate(world.present(agent))) as Caller);
    assert.ok(!isRefusal(next) && next.id !== caller.run);
    assert.deepEqual(next.labels, secret);
  }
  const expires_at = world.clock.now() + 60_000;
  const issued = await world.identity.tokens.issue({ agent: 'greedy', job: 'read', expires_at }, 'local');
  assert.ok(!isRefusal(issued));
  const bearer = { authorization: `Bearer ${issued.secret.reveal()}`, proofs: [] };
  const run = await world.identity.loadRun((await world.identity.authenticate(world.present(agent, bearer))) as Caller);
  assert.ok(!isRefusal(run));
  assert.deepEqual(run.labels, secret);
});

test('a new run for a user to forget what the last one for them read; another user’s begins clean', async () => {
  await world.agent({ id: 'forgetful', jobs: ['read'] });
  const start = async (name: string) => {
    const own = { id: `usr_${name[0]!.repeat(26)}`, name, roles: [] };
    const started = await world.identity.runs.start({ agent: 'forgetful', job: 'read', user: name }, 'local', own);
    assert.ok(!isRefusal(started));
    return started.run;
  };
  const first = await start('ada');
  const secret = { confidentiality: 'restricted', integrity: 'untrusted' } as const;
  await world.db.transaction((tx) => world.identity.runs.raise(tx, first.id, secret));
  assert.deepEqual((await start('ada')).labels, secret);
  assert.deepEqual((await start('bob')).labels, { confidentiality: 'public', integrity: 'trusted' });
});
