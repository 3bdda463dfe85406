import { type Refusal, refuse } from '../../../core/refusal.ts';
import type { Sql, Transaction } from '../../../storage/index.ts';
import type { PolicyParts } from '../open.ts';
import * as sets from '../store.ts';
import type { ActiveSet } from '../types.ts';
import { countsOf, digestOfTests, mustPass } from './candidate.ts';
import { change } from './change.ts';
import * as store from './store.ts';
import type { StoredFolder } from './versions.ts';

export type ActivationAsked = {
  set: StoredFolder;
  by: string;
  why: string;
  how: 'activate' | 'rollback';
  /** Digest of the set that the reason was judged against; '' for none. Another one stops it. */
  instead?: string | undefined;
  /** Who wrote it, where it was not stored before. */
  author?: string | undefined;
};

/** Makes a set the one that decides, on every replica, with its receipt; the canary ends with it, promoted or dropped. */
export async function activate(parts: PolicyParts, asked: ActivationAsked): Promise<ActiveSet | Refusal> {
  const { set, by, why, how } = asked;
  const failed = mustPass(set);
  if (failed !== undefined) return failed;
  const counts = countsOf(set);
  return change(parts, async (tx) => {
    const before = (await sets.readActive(tx))?.digest ?? '';
    if (asked.instead !== undefined && before !== asked.instead) {
      return refuse('state_changed', 'another set became active');
    }
    const alone = await needsAnother(parts, tx, set.digest, by);
    if (alone !== undefined) return alone;
    const active = { digest: set.digest, activated_by: by, why, activated_at: await tx.now() };
    await storeFolder(tx, set, { author: asked.author ?? by, reason: why, base: before, ...counts });
    await sets.writeActive(tx, active);
    const canary = await store.dropCanary(tx);
    await storeLine(tx, active, how);
    const ended = canary === undefined ? {} : { canary: canary === set.digest ? 'promoted' : 'dropped' };
    await parts.record(tx, {
      event: how === 'rollback' ? 'policy.rollback' : 'policy.activate',
      by,
      subject: set.digest,
      before: before === '' ? null : before,
      after: set.digest,
      payload: { why, ...ended, ...testsOf(set) },
    });
    return active;
  });
}

function testsOf({ tests }: StoredFolder) {
  return tests.length === 0 ? {} : { tests: digestOfTests(tests) };
}

/** A rollback goes to the version before, and from there to the one before that: never forth again. */
async function storeLine(tx: Transaction, active: ActiveSet, how: ActivationAsked['how']): Promise<void> {
  const last = await store.lastActivation(tx);
  const left = how === 'rollback' && last !== undefined ? await store.activation(tx, last.before_n) : undefined;
  // What is activated again while it is active leaves the version before where it was.
  const next = last?.digest === active.digest ? last.before_n : (last?.n ?? 0);
  const before_n = how === 'rollback' ? (left?.before_n ?? 0) : next;
  await store.storeActivation(tx, { n: (last?.n ?? 0) + 1, ...active, how, before_n });
}

export async function storeFolder(
  tx: Transaction,
  folder: StoredFolder,
  of: { author: string; reason: string; base: string; policies: number; cases: number },
): Promise<void> {
  const { digest, policies, tests } = folder;
  await sets.storeSet(tx, { digest, files: policies });
  await store.storeVersion(tx, { digest, ...of, tests });
}

/** Who proposed a set may not be who puts it into force, where the configuration says so. */
export async function needsAnother(
  parts: Pick<PolicyParts, 'two_persons'>,
  sql: Sql,
  digest: string,
  by: string,
): Promise<Refusal | undefined> {
  if (!parts.two_persons() || by === 'gateway') return undefined;
  // What was active was approved by a second person then.
  const [earlier] = await store.readActivations(sql, digest);
  const proposer = await sets.proposerOf(sql, digest);
  const author = earlier === undefined ? (await store.readVersion(sql, digest))?.author : undefined;
  if (proposer !== by && author !== by) return undefined;
  return refuse('second_person_needed', `${by} proposed the set ${digest.slice(0, 12)}`, {
    public: 'You proposed this policy set, so somebody else has to activate it (policy.two_persons).',
  });
}

/** Whether the set was left by a rollback and nobody has activated it since: a folder that still holds it proves nothing. */
export async function wasRolledBack(sql: Sql, digest: string): Promise<boolean> {
  const [last] = await store.readActivations(sql, digest);
  const next = last === undefined ? undefined : await store.activation(sql, last.n + 1);
  return next?.how === 'rollback';
}
