import type { Database } from '../../storage/index.ts';
import type { Drafter } from './drafts.ts';
import type { EpochWriter } from './epoch.ts';
import { closeEpoch, lapsedEpochs, openIntents } from './store.ts';

/** An epoch that was not heard of for so long has lapsed: three times what a replica without its database stays leased. */
export const LAPSE_MS = 10_000;

export type TakeoverParts = {
  db: Database;
  drafter: Drafter;
  writer: EpochWriter;
  settled: () => number;
};

/**
 * Says what became of the open intents of epochs that died: `unknown`, once, in the transaction that closes the epoch. If
 * the dead one lives after all, it finds its epoch closed and can write nothing more in it. Earlier epochs of this same
 * replica need no waiting: their process is gone.
 */
export async function takeOverLapsed(parts: TakeoverParts): Promise<number> {
  const { db, writer } = parts;
  const before = (await db.now()) - LAPSE_MS;
  const lapsed = await lapsedEpochs(db, { before, replica: writer.replica, own: writer.epoch });
  let unknown = 0;
  for (const { epoch, replica } of lapsed) {
    const unheardSince = replica === writer.replica ? Number.MAX_SAFE_INTEGER : before;
    unknown += await takeOver(parts, epoch, unheardSince);
  }
  return unknown;
}

async function takeOver(parts: TakeoverParts, epoch: number, unheardSince: number): Promise<number> {
  return parts.db.transaction(async (tx) => {
    const closed = await closeEpoch(tx, epoch, unheardSince);
    if (closed === undefined) return 0;
    const intents = await openIntents(tx, closed);
    const drafts = intents.map((intent) => parts.drafter.unknown(intent, 'replica_lost'));
    if (drafts.length > 0) await parts.writer.write(tx, drafts, parts.settled());
    return drafts.length;
  });
}
