import { type Clock, sleep } from '../../src/core/clock.ts';
import type { Database, Row, SqlValue, Transaction } from '../../src/storage/index.ts';
import { StorageError } from '../../src/storage/index.ts';

/** Where in a database's life something can go wrong. `text` is the statement's. */
export type FaultPoint = { at: 'query' | 'begin' | 'statement' | 'commit' | 'now' | 'notify'; text: string };

/**
 * - `delay`: a slow disk or network.
 * - `fail`: the request never arrived. At `commit`, the transaction is rolled back.
 * - `lose_answer`: it was carried out and the answer was lost. At `commit`, the caller cannot know.
 * - `lose_hint`: a notify that reaches nobody.
 */
export type Fault = { kind: 'delay'; ms: number } | { kind: 'fail' } | { kind: 'lose_answer' } | { kind: 'lose_hint' };

/** Called at each point; the faults apply in order. A partition is a plan that answers `fail` while it lasts. */
export type FaultPlan = (point: FaultPoint) => readonly Fault[];

/** `inner` behind a bad network and a bad disk. Real transactions, real SQL; only the way there and back suffers. */
export function withFaults(inner: Database, clock: Clock, plan: FaultPlan): Database {
  const pass = async <T>(point: FaultPoint, work: () => Promise<T>): Promise<T> => {
    const after = await suffer(clock, plan(point));
    const result = await work();
    if (after === 'lose_answer') throw lost(point.at === 'commit' || point.at === 'query');
    return result;
  };
  return {
    dialect: inner.dialect,
    query: <R extends Row>(text: string, values?: readonly SqlValue[]) =>
      pass({ at: 'query', text }, () => inner.query<R>(text, values)),
    now: () => pass({ at: 'now', text: '' }, () => inner.now()),
    notify: (channel) => hint(plan, channel, () => inner.notify(channel)),
    listen: (channel, changed) => inner.listen(channel, changed),
    close: () => inner.close(),
    transaction: async <T>(work: (tx: Transaction) => Promise<T>) => {
      const before = await suffer(clock, plan({ at: 'begin', text: '' }));
      if (before === 'lose_answer') throw lost(false);
      let answer: 'lose_answer' | undefined;
      const result = await inner.transaction(async (tx) => {
        const done = await work(faultyTransaction(tx, clock, plan));
        // Throwing here rolls back, which is what a failure before the commit comes to.
        answer = await suffer(clock, plan({ at: 'commit', text: '' }));
        return done;
      });
      if (answer !== undefined) throw lost(true);
      return result;
    },
  };
}

function faultyTransaction(tx: Transaction, clock: Clock, plan: FaultPlan): Transaction {
  const pass = async <T>(text: string, work: () => Promise<T>): Promise<T> => {
    const after = await suffer(clock, plan({ at: 'statement', text }));
    const result = await work();
    // Nothing is committed yet, so a lost answer inside a transaction loses nothing but the transaction.
    if (after !== undefined) throw lost(false);
    return result;
  };
  return {
    query: <R extends Row>(text: string, values?: readonly SqlValue[]) => pass(text, () => tx.query<R>(text, values)),
    now: () => pass('now', () => tx.now()),
    lock: (name, mode) => pass(`lock ${name}`, () => tx.lock(name, mode)),
    script: (text) => pass(text, () => tx.script(text)),
    notify: (channel) => hint(plan, channel, () => tx.notify(channel)),
  };
}

async function hint(plan: FaultPlan, text: string, send: () => Promise<void>): Promise<void> {
  if (plan({ at: 'notify', text }).some(({ kind }) => kind === 'lose_hint')) return;
  await send();
}

async function suffer(clock: Clock, faults: readonly Fault[]): Promise<'lose_answer' | undefined> {
  let after: 'lose_answer' | undefined;
  for (const fault of faults) {
    switch (fault.kind) {
      case 'delay':
        await sleep(clock, fault.ms);
        break;
      case 'fail':
        throw new StorageError('unavailable', 'fault: the request did not arrive');
      case 'lose_answer':
        after = 'lose_answer';
        break;
      case 'lose_hint':
        break;
    }
  }
  return after;
}

function lost(lasting: boolean): StorageError {
  return new StorageError(lasting ? 'uncertain' : 'unavailable', 'fault: the answer was lost');
}
