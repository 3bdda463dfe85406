import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Refusal } from '../../src/core/refusal.ts';
import { isRefusal } from '../../src/core/refusal.ts';
import type { AgentClient } from '../support/agent-client.ts';
import { Delegate } from '../support/delegations.ts';
import { openWorld, type Replica, type World } from '../support/identity.ts';

let nudges = 0;
let world: World;
let other: Replica;

before(async () => {
  world = await openWorld();
  other = await world.another();
  await settled();
});
after(() => world.close());

/** What one replica changed is known at both. */
async function settled(): Promise<void> {
  for (const replica of [world, other, world, other]) await replica.state.poll();
  await new Promise((resolve) => setTimeout(resolve, 200));
  for (const replica of [world, other]) await replica.state.poll();
}

const kidOf = (client: AgentClient): string =>
  JSON.parse(Buffer.from(client.token.split('.')[0]!, 'base64url').toString()).kid;

async function published(): Promise<string[]> {
  const { keys } = (await (await fetch(`${world.issuer}/oauth/jwks`)).json()) as { keys: { kid: string }[] };
  return keys.map(({ kid }) => kid);
}

async function codeAt(replica: Replica, client: AgentClient): Promise<string> {
  const caller = await replica.identity.authenticate(world.present(client));
  return isRefusal(caller) ? caller.code : 'accepted';
}

async function fine(done: Promise<Refusal | undefined>): Promise<void> {
  assert.equal(await done, undefined);
}

/** As if the keys had been made, retired and used so much earlier; any change makes the replicas look. */
async function later(minutes: number): Promise<void> {
  const before = world.keys.signing.reveal().kid;
  await world.db.query(
    `update identity_signing_keys set added_at = added_at - $1, retired_at = retired_at - $1,
       used_at = case when retired_at is null then used_at else used_at - $1 end where used_at > 0`,
    [minutes * 60_000],
  );
  await world.agent({ id: `nudge-${nudges++}` });
  for (let turn = 0; turn < 20 && world.keys.signing.reveal().kid === before; turn++) await settled();
  await settled();
}

test('the next key of every replica is published before it signs, and the old one counts until its tokens end', async () => {
  const first = world.keys.signing.reveal().kid;
  const client = await world.agent({ id: 'rotating' });
  assert.equal(kidOf(client), first);
  const before = await published();
  assert.equal(before.length, 2);
  await fine(world.identity.signingKeys.rotate({ compromised: false }, 'person:usr_1'));
  await settled();
  const during = await published();
  assert.equal(during.length, 4);
  assert.ok(before.every((kid) => during.includes(kid)));
  await client.renew();
  assert.equal(kidOf(client), first);
  const old = client.token;

  await later(6);
  const second = world.keys.signing.reveal().kid;
  assert.notEqual(second, first);
  assert.ok(during.includes(second));
  for (const replica of [world, other]) assert.equal(await codeAt(replica, client), 'accepted');
  await client.renew();
  assert.equal(kidOf(client), second);
  for (const replica of [world, other]) assert.equal(await codeAt(replica, client), 'accepted');
  assert.notEqual(client.token, old);
  assert.ok(world.recorded.some(({ event }) => event === 'key.rotate'));
});

test('a second order while one is under way is refused', async () => {
  await fine(world.identity.signingKeys.rotate({ compromised: false }, 'person:usr_1'));
  await settled();
  const again = await other.identity.signingKeys.rotate({ compromised: false }, 'person:usr_1');
  assert.equal(again?.code, 'already_exists');
  await later(6);
});

test('a delegation outlives the key that signed it', async () => {
  const [ann, ben] = [await world.agent({ id: 'ann' }), await world.agent({ id: 'ben' })];
  const lent = await new Delegate(ann).lend('ben', {}, 10_000);
  assert.ok(lent.token !== undefined, lent.said);
  await fine(world.identity.signingKeys.rotate({ compromised: false }, 'person:usr_1'));
  await settled();
  await later(6);
  await later(60);
  await ben.renew();
  const redeemed = await new Delegate(ben).redeem(lent.token);
  assert.ok(redeemed.token !== undefined, redeemed.said);
  const acting = new Delegate(ben).acting(redeemed.token);
  for (const replica of [world, other]) assert.equal(await codeAt(replica, acting), 'accepted');
});

test('what a compromised key signed counts no more, at either replica, also what was verified before', async () => {
  const client = await world.agent({ id: 'late' });
  const ben = await world.agent({ id: 'carl' });
  const lent = await new Delegate(client).lend('carl', {});
  for (const replica of [world, other]) assert.equal(await codeAt(replica, client), 'accepted');
  const stolen = kidOf(client);
  await fine(other.identity.signingKeys.rotate({ compromised: true }, 'person:usr_1'));
  await settled();
  for (const replica of [world, other]) assert.equal(await codeAt(replica, client), 'token_key_unknown');
  assert.ok(!(await published()).includes(stolen));
  await client.renew();
  assert.notEqual(kidOf(client), stolen);
  for (const replica of [world, other]) assert.equal(await codeAt(replica, client), 'accepted');
  await ben.renew();
  assert.equal((await new Delegate(ben).redeem(lent.token!)).code, 'delegation_forged');
});
