import assert from 'node:assert/strict';
import { test } from 'node:test';
import { identityMigrations } from '../../src/controls/identity/index.ts';
import type { Caller } from '../../src/core/principal.ts';
import { isRefusal } from '../../src/core/refusal.ts';
import { onEveryDatabase } from '../support/databases.ts';
import { makeKeys, openReplica } from '../support/identity.ts';

/**
 * The attacker's credential has been revoked on one replica and goes on knocking at another. DESIGN 10.4: nothing is
 * accepted after revocation. The other replica learns of it within its lease, so it answers or it forwards nothing.
 */
onEveryDatabase('a revoked credential at another replica', (place) => {
  if (!place.shared) return;
  test('is refused within a second, and what it began is cut', async () => {
    const { db, again } = await place.fresh(identityMigrations);
    const issuer = 'https://gateway.example';
    const one = await openReplica({ db, issuer, keys: makeKeys() });
    const other = await openReplica({ db: await again(), issuer, keys: makeKeys() });
    await one.identity.agents.add({ id: 'a', owner: 'ops', jobs: ['read'] }, 'local');
    const expires_at = Date.now() + 60_000;
    const issued = await one.identity.tokens.issue({ agent: 'a', job: 'read', expires_at }, 'local');
    assert.ok(!isRefusal(issued));
    const authorization = `Bearer ${issued.secret.reveal()}`;
    const knock = async (): Promise<Caller | string> => {
      const presented = { address: '192.0.2.1', host: 'gateway.example', origin: undefined, authorization, proofs: [] };
      const result = await other.identity.authenticate({
        ...presented,
        method: 'POST',
        path: '/mcp',
        bytes_announced: 0,
      });
      return isRefusal(result) ? result.code : result;
    };
    await other.state.poll();
    const live = (await knock()) as Caller;
    assert.equal(other.identity.stops.find(live), undefined);
    let cut_after_ms = Number.NaN;
    const began = performance.now();
    other.identity.stops.onChange(() => {
      if (Number.isNaN(cut_after_ms) && other.identity.stops.find(live) !== undefined)
        cut_after_ms = performance.now() - began;
    });
    await one.identity.tokens.revoke(issued.token.id, 'local');
    while (typeof (await knock()) !== 'string' && performance.now() - began < 1_000) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    assert.equal(await knock(), 'token_revoked');
    assert.ok(cut_after_ms < 1_000, `cut after ${cut_after_ms} ms`);
    for (const { identity, state } of [one, other]) {
      await identity.close();
      state.stop();
    }
  });
});
