import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inspect } from 'node:util';
import { isRefusal } from '../../src/core/refusal.ts';
import { AgentClient, type AgentKey } from '../support/agent-client.ts';
import { openWorld } from '../support/identity.ts';

/**
 * The attacker has a copy of the database, of the log and of every error message. DESIGN 10.3: no credential is in them,
 * plain or encoded.
 */
test('no secret of any kind is in the database, in a receipt, or printed', async () => {
  const world = await openWorld();
  const { identity } = world;
  const added = await identity.agents.add({ id: 'a', owner: 'ops', jobs: ['read'] }, 'local');
  assert.ok(!isRefusal(added));
  const key = added.private_key!.reveal() as unknown as AgentKey;
  const client = await AgentClient.open({ issuer: world.issuer, agent: 'a', key, job: 'read' });
  const presented = world.present(client);
  await identity.authenticate(presented);
  const refused = await identity.authenticate(presented);
  const issued = await identity.tokens.issue({ agent: 'a', job: 'read', expires_at: Date.now() + 60_000 }, 'local');
  assert.ok(!isRefusal(issued));
  await identity.authenticate(world.present(client, { authorization: `Bearer ${issued.secret.reveal()}`, proofs: [] }));
  const link = await identity.people.setupLink({ roles: ['admin'], by: 'local' });
  assert.ok(!isRefusal(link));
  const password = 'a password of some length';
  const account = { secret: link.secret.reveal(), name: 'Ada', password, source: '::1' };
  const signed = await identity.people.redeemSetup(account);
  assert.ok(!isRefusal(signed));
  const enrolment = await identity.people.enrol(signed.cookie.reveal());
  assert.ok(!isRefusal(enrolment));

  const secrets: [string, string][] = [
    ['private key', key.d],
    ['signing key', world.keys.signing.reveal().d],
    ['sealing key', Buffer.from(world.keys.sealing.reveal()).toString('base64url')],
    ['access token', client.token.split('.')[2]!],
    ['bearer token', issued.secret.reveal().slice(3)],
    ['set-up link', link.secret.reveal()],
    ['password', password],
    ['cookie', signed.cookie.reveal()],
    ['authenticator', enrolment.secret.reveal()],
  ];
  const tables = await world.db.query<{ name: string }>("select name from sqlite_master where type = 'table'");
  const rows: object[] = [];
  for (const { name } of tables) rows.push(...(await world.db.query(`select * from ${name}`)));
  const printed = inspect([added, issued, link, signed, enrolment, world.keys], { depth: 20 });
  const places: [string, string][] = [
    ['the database', JSON.stringify(rows)],
    ['receipts', JSON.stringify(world.recorded)],
    ['a refusal', JSON.stringify(refused)],
    ['what is printed', printed + JSON.stringify([added, issued, link, signed, enrolment])],
  ];
  assert.ok(rows.length > 5);
  for (const [what, secret] of secrets) {
    for (const [where, text] of places) {
      for (const form of [secret, Buffer.from(secret).toString('base64'), Buffer.from(secret).toString('hex')]) {
        assert.ok(!text.includes(form), `${what} is in ${where}`);
      }
    }
  }
  // The search finds what is there.
  assert.ok(places[0]![1].includes(added.agent.key));
  await world.close();
});
