import { isMainThread, parentPort, workerData } from 'node:worker_threads';
import { serveLedger } from '../controls/audit/thread-served.ts';
import { claimProofs } from '../controls/identity/claims.ts';
import { openStateWatch } from '../storage/index.ts';
import { systemClock, systemRandom } from './clock.ts';

/** This file is what the thread of the log runs: the ledger, and of other domains what an intent's transaction asks. */
export const LOG_THREAD = new URL(import.meta.url);

if (!isMainThread && parentPort !== null && workerData?.ledger !== undefined) {
  await serveLedger(parentPort, workerData.ledger, {
    clock: systemClock,
    random: systemRandom,
    claimProofs,
    stateVersion: (db) => {
      const state = openStateWatch({ db, clock: systemClock });
      return (tx) => state.confirm(tx);
    },
  });
}
