import assert from 'node:assert/strict';
import { test } from 'node:test';
import { identityMigrations } from '../../src/controls/identity/index.ts';
import { pruneProofs } from '../../src/controls/identity/store/claims.ts';
import type { ProofClaim } from '../../src/core/principal.ts';
import type { Database } from '../../src/storage/index.ts';
import { onEveryDatabase } from '../support/databases.ts';
import { openReplica } from '../support/identity.ts';

/** From the proof's signed `iat`, so the same whenever the same proof comes. */
const LATER = Date.now() + 60_000;
const ISSUER = 'http://127.0.0.1:8700';

function claim(jti: string, jkt = 'key', expires_at = LATER): ProofClaim {
  return { jkt, jti, expires_at };
}

onEveryDatabase('claiming proofs', (place) => {
  async function opened(): Promise<{
    claims: (db: Database, ...list: ProofClaim[]) => Promise<boolean[]>;
    db: Database;
    again: () => Promise<Database>;
    close(): Promise<void>;
  }> {
    const { db, again } = await place.fresh(identityMigrations);
    const { identity, state } = await openReplica({ db, issuer: ISSUER });
    return {
      db,
      again,
      claims: (on, ...list) => on.transaction((tx) => identity.claimProofs(tx, list)),
      async close() {
        await identity.close();
        state.stop();
      },
    };
  }

  test('each counts once, in one batch and after it', async () => {
    const { claims, db, close } = await opened();
    assert.deepEqual(await claims(db, claim('a'), claim('b'), claim('a')), [true, true, false]);
    assert.deepEqual(await claims(db, claim('b'), claim('c')), [false, true]);
    assert.deepEqual(await claims(db), []);
    await close();
  });

  test('the same jti of another key is another proof', async () => {
    const { claims, db, close } = await opened();
    assert.deepEqual(await claims(db, claim('a', 'one'), claim('a', 'two')), [true, true]);
    await close();
  });

  test('a batch of hundreds', async () => {
    const { claims, db, close } = await opened();
    const many = Array.from({ length: 200 }, (_, at) => claim(`jti ${at}`));
    assert.ok((await claims(db, ...many)).every(Boolean));
    assert.ok((await claims(db, ...many)).every((won) => !won));
    await close();
  });

  test('a transaction that rolls back leaves the proof unused', async () => {
    const { claims, db, close } = await opened();
    const failed = db.transaction(async () => {
      throw new Error('on purpose');
    });
    await assert.rejects(failed);
    assert.deepEqual(await claims(db, claim('a')), [true]);
    await close();
  });

  test('what has expired is forgotten in pieces, and nothing else is', async () => {
    const { claims, db, close } = await opened();
    const now = Date.now();
    // Hundreds of one second: `iat` has no fraction.
    const old = Array.from({ length: 300 }, (_, at) => claim(`old ${at}`, 'key', now - 500));
    const live = Array.from({ length: 50 }, (_, at) => claim(`live ${at}`, 'key', now));
    await claims(db, ...old, ...live);
    let pieces = 1;
    while (await pruneProofs(db, now, 100)) pieces += 1;
    assert.equal(pieces, 3);
    assert.ok((await claims(db, ...live)).every((won) => !won));
    assert.ok((await claims(db, ...old)).every(Boolean));
    await close();
  });

  if (place.shared) {
    test('another process sees it, also when both claim at once', async () => {
      const { claims, db, again, close } = await opened();
      const other = await again();
      assert.deepEqual(await claims(db, claim('a')), [true]);
      assert.deepEqual(await claims(other, claim('a')), [false]);
      const many = Array.from({ length: 40 }, (_, at) => claim(`both ${at}`));
      const backwards = [...many].reverse();
      const [here, there] = await Promise.all([claims(db, ...many), claims(other, ...backwards)]);
      assert.deepEqual(
        here,
        there.reverse().map((won) => !won),
      );
      await close();
    });
  }
});
