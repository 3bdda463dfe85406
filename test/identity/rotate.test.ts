import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { Presented } from '../../src/core/exchange.ts';
import type { Caller } from '../../src/core/principal.ts';
import { isRefusal, type RefusalCode } from '../../src/core/refusal.ts';
import { AgentClient, type AgentKey } from '../support/agent-client.ts';
import { Delegate } from '../support/delegations.ts';
import { makeAgentKey, openWorld, publicHalf, type Replica, type World } from '../support/identity.ts';

let world: World;
let other: Replica;

before(async () => {
  world = await openWorld();
  other = await world.another();
});
after(() => world.close());

async function callerOf(presented: Presented, replica: Replica = world): Promise<Caller> {
  const caller = await replica.identity.authenticate(presented);
  return isRefusal(caller) ? assert.fail(`${caller.code}: ${caller.reason}`) : caller;
}

async function codeOf(presented: Presented, replica: Replica = world): Promise<RefusalCode | 'accepted'> {
  const caller = await replica.identity.authenticate(presented);
  return isRefusal(caller) ? caller.code : 'accepted';
}

async function rotated(agent: string): Promise<AgentKey> {
  const done = await world.identity.agents.rotate(agent, undefined, 'person:usr_1');
  assert.ok(!isRefusal(done), JSON.stringify(done));
  return done.private_key!.reveal() as unknown as AgentKey;
}

describe('another key for the same agent', () => {
  test('what the old key got is worth nothing, on every replica, and it gets nothing more', async () => {
    const client = await world.agent({ id: 'leaked', jobs: ['a'] });
    assert.equal(await codeOf(world.present(client)), 'accepted');
    const before = world.identity.agents.get('leaked')!;
    await rotated('leaked');
    assert.equal(await codeOf(world.present(client)), 'token_revoked');
    assert.equal((await client.ask()).status, 401);
    await other.state.poll();
    assert.equal(await codeOf(world.present(client), other), 'token_revoked');
    const entry = world.identity.agents.get('leaked')!;
    assert.notEqual(entry.key, before.key);
    assert.deepEqual({ ...entry, key: '' }, { ...before, key: '' });
  });

  test('what is in flight under the old key does not go on', async () => {
    const caller = await callerOf(world.present(await world.agent({ id: 'busy', jobs: ['a'] })));
    assert.equal(world.identity.stops.find(caller), undefined);
    await rotated('busy');
    assert.equal(world.identity.stops.find(caller)?.code, 'token_revoked');
  });

  test('the new key goes on with the run', async () => {
    const client = await world.agent({ id: 'steady', jobs: ['a'] });
    const { run } = await callerOf(world.present(client));
    const key = await rotated('steady');
    const again = new AgentClient({ issuer: world.issuer, agent: 'steady', key, job: 'a' });
    await again.renew(run);
    const caller = await callerOf(world.present(again));
    assert.equal(caller.run, run);
    assert.ok(!isRefusal(await world.identity.loadRun(caller)));
  });

  test('its bearer tokens, which no key was used for, stay; a revoked one stays revoked', async () => {
    const client = await world.agent({ id: 'two-ways', jobs: ['a'] });
    const expires_at = world.clock.now() + 60_000;
    const asBearer = (secret: string) => world.present(client, { authorization: `Bearer ${secret}`, proofs: [] });
    const issue = () => world.identity.tokens.issue({ agent: 'two-ways', job: 'a', expires_at }, 'local');
    const [kept, revoked] = [await issue(), await issue()];
    assert.ok(!isRefusal(kept) && !isRefusal(revoked));
    await world.identity.tokens.revoke(revoked.token.id, 'local');
    await rotated('two-ways');
    assert.equal(await codeOf(asBearer(kept.secret.reveal())), 'accepted');
    assert.notEqual(await codeOf(asBearer(revoked.secret.reveal())), 'accepted');
  });

  test('what was lent to it ends', async () => {
    const client = await world.agent({ id: 'lent-to', jobs: ['a'] });
    const lender = new Delegate(await world.agent({ id: 'lender', jobs: ['a'] }));
    const { token: grant = '', said } = await lender.lend('lent-to', undefined);
    const before = await new Delegate(client).redeem(grant);
    assert.ok(before.token !== undefined, said + before.said);
    const key = await rotated('lent-to');
    const again = await AgentClient.open({ issuer: world.issuer, agent: 'lent-to', key, job: 'a' });
    const after = await new Delegate(again).redeem(grant);
    assert.equal(after.token, undefined);
    assert.match(after.said, /delegation|revoked|registered anew/);
  });

  test('a public key is taken, and nothing given back; the change has one receipt, without a key in it', async () => {
    await world.agent({ id: 'own-key', jobs: ['a'] });
    const from = world.recorded.length;
    const key = makeAgentKey('Ed25519');
    const done = await world.identity.agents.rotate('own-key', publicHalf(key), 'person:usr_1');
    assert.ok(!isRefusal(done) && done.private_key === undefined);
    const written = world.recorded.slice(from);
    assert.deepEqual(
      written.map(({ event, by, subject }) => [event, by, subject]),
      [['agent.rotate', 'person:usr_1', 'own-key']],
    );
    assert.notEqual(written[0]!.before, written[0]!.after);
    assert.doesNotMatch(JSON.stringify(written), new RegExp(key.x));
  });

  const wrong: [string, RefusalCode, () => { id: string; key?: Record<string, string> }][] = [
    ['an agent that is not there', 'not_found', () => ({ id: 'nobody' })],
    ['the private half of a key', 'input_invalid', () => ({ id: 'own-key', key: { ...makeAgentKey() } as never })],
    ['an RSA key', 'input_invalid', () => ({ id: 'own-key', key: { kty: 'RSA', n: 'AQAB', e: 'AQAB' } })],
  ];
  for (const [what, code, given] of wrong) {
    test(`refused: ${what}`, async () => {
      const { id, key } = given();
      const from = world.recorded.length;
      const done = await world.identity.agents.rotate(id, key, 'local');
      assert.ok(isRefusal(done));
      assert.equal(done.code, code);
      assert.equal(world.recorded.length, from);
    });
  }

  test('refused: the key that it has', async () => {
    const key = makeAgentKey();
    const public_key = publicHalf(key);
    await world.identity.agents.add({ id: 'same', owner: 'ops', jobs: ['a'], public_key }, 'local');
    const client = await AgentClient.open({ issuer: world.issuer, agent: 'same', key, job: 'a' });
    const done = await world.identity.agents.rotate('same', public_key, 'local');
    assert.ok(isRefusal(done) && done.code === 'input_invalid');
    assert.equal(await codeOf(world.present(client)), 'accepted');
  });
});
