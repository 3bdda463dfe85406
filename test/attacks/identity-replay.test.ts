import assert from 'node:assert/strict';
import { test } from 'node:test';
import { identityMigrations } from '../../src/controls/identity/index.ts';
import type { Caller } from '../../src/core/principal.ts';
import { isRefusal } from '../../src/core/refusal.ts';
import type { Database } from '../../src/storage/index.ts';
import { ProofKey } from '../support/agent-client.ts';
import { onEveryDatabase } from '../support/databases.ts';
import { makeAgentKey, makeKeys, openReplica, publicHalf, type Replica } from '../support/identity.ts';

/**
 * The attacker has seen one whole request, token and proof, and sends it again: to another replica, which has not seen it,
 * and to the same one after a restart, which has forgotten it. DESIGN 10.4: no proof is accepted twice.
 */
const ISSUER = 'https://gateway.example';

onEveryDatabase('a request seen on the wire and sent again', (place) => {
  test('is refused in the intent’s transaction of every replica, before and after a restart', async () => {
    const { db, again } = await place.fresh(identityMigrations);
    const keys = makeKeys();
    const first = await openReplica({ db, issuer: ISSUER, keys });
    const key = makeAgentKey();
    await first.identity.agents.add({ id: 'victim', owner: 'ops', jobs: ['a'], public_key: publicHalf(key) }, 'local');
    const request = await requestOf(first, keys, key);

    const caller = await first.identity.authenticate(request);
    assert.ok(!isRefusal(caller), isRefusal(caller) ? caller.reason : '');
    assert.deepEqual(await claim(db, first, caller), [true]);

    const elsewhere = place.shared ? await again() : db;
    const other = await openReplica({ db: elsewhere, issuer: ISSUER, keys: makeKeys() });
    const replayed = await other.identity.authenticate(request);
    assert.ok(!isRefusal(replayed), 'only the durable claim can know on a replica that has not seen it');
    assert.deepEqual(await claim(elsewhere, other, replayed), [false]);

    for (const replica of [first, other]) {
      const memory = await replica.identity.authenticate(request);
      assert.ok(isRefusal(memory) && memory.code === 'proof_replayed');
      await replica.identity.close();
      replica.state.stop();
    }
  });
});

function claim(db: Database, { identity }: Replica, caller: Caller): Promise<boolean[]> {
  return db.transaction((tx) => identity.claimProofs(tx, [caller.proof!]));
}

async function requestOf(replica: Replica, keys: ReturnType<typeof makeKeys>, key: ReturnType<typeof makeAgentKey>) {
  const signing = keys.signing.reveal();
  const now = Math.floor(Date.now() / 1000);
  const proofs = new ProofKey(key);
  const cnf = { jkt: replica.identity.agents.get('victim')!.key };
  const run = `run_${'a'.repeat(26)}`;
  const claims = {
    iss: ISSUER,
    aud: ISSUER,
    client_id: 'victim',
    sub: 'victim',
    jti: 't1',
    iat: now,
    exp: now + 60,
    run,
    job: 'a',
    generation: 1,
    cnf,
  };
  const token = new ProofKey(signing).jwt({ typ: 'at+jwt', alg: 'ES256', kid: signing.kid }, claims);
  const ath = Buffer.from(await crypto.subtle.digest('SHA-256', Buffer.from(token))).toString('base64url');
  return {
    address: '192.0.2.1',
    host: 'gateway.example',
    origin: undefined,
    authorization: `DPoP ${token}`,
    proofs: [proofs.proof('POST', `${ISSUER}/mcp`, ath)],
    method: 'POST',
    path: '/mcp',
    bytes_announced: 10,
  };
}
