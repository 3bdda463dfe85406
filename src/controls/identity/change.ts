import { isRefusal, type Refusal, refuse } from '../../core/refusal.ts';
import { type Database, isStorageError, type StateWatch, type Transaction } from '../../storage/index.ts';
import type { RecordControl } from './contract.ts';
import type { Standing } from './standing.ts';
import type { Time } from './time.ts';

/** The topic of identity's changes in the state's version. */
export const TOPIC = 'identity';
const ATTEMPTS_MAX = 3;

export type ChangeParts = {
  db: Database;
  state: StateWatch;
  standing: Standing;
  time: Time;
  record: RecordControl;
  report: (problem: string, error: unknown) => void;
};

class RolledBack extends Error {
  readonly refusal: Refusal;
  constructor(refusal: Refusal) {
    super(refusal.reason);
    this.refusal = refusal;
  }
}

/**
 * One change, its receipt, and the new version of the state: all in one transaction, or nothing. A refusal that `work`
 * returns rolls everything back. When it returns, this replica knows the change; the others learn it from the version.
 */
export async function change<T>(
  parts: ChangeParts,
  work: (tx: Transaction, now: number) => Promise<T | Refusal>,
): Promise<T | Refusal> {
  const done = await transact(parts, async (tx) => {
    await parts.state.bump(tx, TOPIC);
    return work(tx, await tx.now());
  });
  if (isRefusal(done)) return done;
  await parts.standing.refresh().catch((error: unknown) => {
    // It is durable. This replica's lease lapses unless the poll, which reads the same, succeeds.
    parts.report('a change was made and could not be read back', error);
  });
  return done;
}

/** A change that lets nothing more through and nothing less, such as a run that opens: no new version. */
export async function transact<T>(
  { db }: Pick<ChangeParts, 'db'>,
  work: (tx: Transaction) => Promise<T | Refusal>,
): Promise<T | Refusal> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await db.transaction(async (tx) => {
        const result = await work(tx);
        if (isRefusal(result)) throw new RolledBack(result);
        return result;
      });
    } catch (error) {
      if (error instanceof RolledBack) return error.refusal;
      if (isStorageError(error, 'conflict') && attempt < ATTEMPTS_MAX) continue;
      if (!isStorageError(error)) throw error;
      return refuse('log_unavailable', `the change could not be made durable: ${error.message}`);
    }
  }
}
