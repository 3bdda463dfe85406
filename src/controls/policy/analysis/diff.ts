import { compareSets } from '../narrowing.ts';
import { readPolicies } from '../source.ts';
import type { PolicyFile } from '../types.ts';
import type { Registration } from './registration.ts';
import type { Steps } from './slices.ts';
import type { SetDiff } from './types.ts';

/** Who gains and who loses what. */
export function* diffPolicies(
  before: readonly PolicyFile[],
  after: readonly PolicyFile[],
  { fulfillable }: Registration,
): Steps<SetDiff> {
  const [old, now] = [readPolicies(before, fulfillable), readPolicies(after, fulfillable)];
  yield;
  const { added, removed } = compareSets(old.policies, now.policies);
  const undecided = [...new Set([...added, ...removed])].map((id) => ({
    about: `the policy ${id}`,
    because: 'its text differs',
  }));
  const problems = [...old.problems, ...now.problems];
  return { equal: undecided.length === 0, differences: [], undecided, compared: 0, problems };
}
