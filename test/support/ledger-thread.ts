/** What the thread of a test's ledger runs: as the gateway's, with the tests' proofs. A proof named `crash` ends the thread. */
import { isMainThread, parentPort, workerData } from 'node:worker_threads';
import { serveLedger } from '../../src/controls/audit/thread-served.ts';
import { systemClock, systemRandom } from '../../src/main/clock.ts';
import { openStateWatch } from '../../src/storage/index.ts';
import { claimProofs } from './ledger.ts';

if (!isMainThread && parentPort !== null && workerData?.ledger !== undefined) {
  await serveLedger(parentPort, workerData.ledger, {
    clock: systemClock,
    random: systemRandom,
    stateVersion: (db) => {
      const state = openStateWatch({ db, clock: systemClock });
      return (tx) => state.confirm(tx);
    },
    claimProofs: async (tx, claims) => {
      if (claims.some(({ jti }) => jti === 'crash')) {
        queueMicrotask(() => {
          throw new Error('a planted crash');
        });
        await new Promise(() => {});
      }
      return claimProofs(tx, claims);
    },
  });
}
