import { isRefusal } from '../../../core/refusal.ts';
import type { Transaction } from '../../../storage/index.ts';
import { type ChangeParts, change } from '../change.ts';
import { digestOf } from '../digest.ts';
import { endRun } from '../store/runs.ts';
import { deleteGrant, grantsOf, type StoredGrant } from './store.ts';

/** Ends what a person let a client do: codes and refresh tokens are gone, and its run with every token that is out. */
export async function endGrant(id: string, by: string, parts: ChangeParts): Promise<StoredGrant | undefined> {
  const ended = await change<StoredGrant | undefined>(parts, (tx, now) => endWithin(tx, id, { by, now }, parts));
  if (isRefusal(ended)) throw new Error(ended.reason);
  return ended;
}

/** In a change that is under way: everything that a person let clients do. */
export async function endGrantsOf(tx: Transaction, person: string, when: When, parts: Recording): Promise<void> {
  for (const id of await grantsOf(tx, person)) await endWithin(tx, id, when, parts);
}

type When = { by: string; now: number };
type Recording = Pick<ChangeParts, 'record'>;

async function endWithin(
  tx: Transaction,
  id: string,
  { by, now }: When,
  { record }: Recording,
): Promise<StoredGrant | undefined> {
  const grant = await deleteGrant(tx, id);
  if (grant === undefined) return undefined;
  if (grant.run !== null) await endRun(tx, grant.run, now);
  await record(tx, { event: 'grant.end', by, subject: id, before: digestOf(grant), after: null });
  return grant;
}
