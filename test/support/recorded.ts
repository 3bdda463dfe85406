import assert from 'node:assert/strict';
import { join } from 'node:path';
import { openArchive, openLedgerKeys } from '../../src/controls/audit/index.ts';
import { openRecords } from '../../src/controls/identity/index.ts';
import {
  createReplay,
  isReplayable,
  type NotReplayable,
  type RecordedDecision,
  readPastGrants,
  setByDigest,
} from '../../src/controls/policy/index.ts';
import { isRefusal } from '../../src/core/refusal.ts';
import { systemClock, systemRandom } from '../../src/main/clock.ts';
import { readDecisions } from '../../src/main/recorded.ts';
import { openDatabase } from '../../src/storage/index.ts';
import type { World } from './world.ts';

export type ReadBack = { decisions: RecordedDecision[]; lost: NotReplayable[] };

/** All that a world's log has of decisions, read as a stranger with its keys would; each is made again by its own set. */
export async function replayWorld(world: Pick<World, 'folder'>, storage?: string): Promise<ReadBack> {
  const data = join(world.folder, '.sallyport');
  const db = await openDatabase({ url: storage ?? `sqlite:${join(data, 'sallyport.db')}`, clock: systemClock });
  const { payload } = await openLedgerKeys(join(data, 'keys'), systemRandom);
  const archive = openArchive({ db, key: payload });
  const read: ReadBack = { decisions: [], lost: [] };
  try {
    const range = { from: 0, to: await archive.size(), time: 0, entries: 500 };
    for await (const { decisions } of readDecisions(archive, openRecords(db), range)) {
      for (const recorded of decisions) {
        if (isReplayable(recorded)) read.decisions.push(recorded);
        else read.lost.push(recorded);
      }
    }
    const grants = await readPastGrants(db, 0);
    for (const set of new Set(read.decisions.map((decision) => decision.set))) {
      const found = await setByDigest(db, set);
      assert.ok(!isRefusal(found), `set ${set}`);
      const replay = createReplay(found, grants);
      for (const recorded of read.decisions.filter((decision) => decision.set === set)) {
        const { effect, code, policies, errors } = replay.decide(recorded);
        const said = {
          effect: recorded.effect,
          code: recorded.code,
          policies: recorded.policies,
          errors: recorded.errors,
        };
        assert.deepEqual({ effect, code, policies, errors }, said, JSON.stringify(recorded.accesses));
      }
    }
  } finally {
    await db.close();
  }
  return read;
}
