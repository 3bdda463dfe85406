import { isRefusal, type Refusal, refuse } from '../../../core/refusal.ts';
import { isStorageError, type Transaction } from '../../../storage/index.ts';
import type { PolicyParts } from '../open.ts';

/** The topic of policy's changes in the state's version. */
export const TOPIC = 'policy';

class RolledBack extends Error {
  readonly refusal: Refusal;
  constructor(refusal: Refusal) {
    super(refusal.reason);
    this.refusal = refusal;
  }
}

/** One change with its receipt and the state's new version, which `work` is told: all in one transaction, or nothing. */
export function change<T>(
  parts: Pick<PolicyParts, 'db' | 'state'>,
  work: (tx: Transaction, version: number) => Promise<T | Refusal>,
): Promise<T | Refusal> {
  return transact(parts, async (tx) => work(tx, await parts.state.bump(tx, TOPIC)));
}

/** A change that lets nothing more through and nothing less. A refusal that `work` returns rolls everything back. */
export async function transact<T>(
  { db }: Pick<PolicyParts, 'db'>,
  work: (tx: Transaction) => Promise<T | Refusal>,
): Promise<T | Refusal> {
  try {
    return await db.transaction(async (tx) => {
      const done = await work(tx);
      if (isRefusal(done)) throw new RolledBack(done);
      return done;
    });
  } catch (error) {
    if (error instanceof RolledBack) return error.refusal;
    if (!isStorageError(error)) throw error;
    return refuse('log_unavailable', `the change of policy could not be made durable: ${error.message}`);
  }
}
