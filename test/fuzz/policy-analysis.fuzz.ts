import { diffPolicies } from '../../src/controls/policy/analysis/diff.ts';
import { lintPolicies } from '../../src/controls/policy/analysis/lint.ts';
import { allAtOnce } from '../../src/controls/policy/analysis/slices.ts';
import { WORLD } from '../policy/analysis/world.ts';
import { type Dice, fuzz } from './harness.ts';
import { edited, textOf } from './policy-analysis-text.ts';

/**
 * Policies of any shape through lint and diff: rightly and wrongly typed, deep, with every operator, and a few edits apart. The
 * work is bounded in steps, so nothing hangs, and every difference was confirmed by the engine before it was told.
 */
await fuzz('policy-analysis', 60_000, (dice: Dice) => {
  const before = textOf(dice);
  const after = dice.integer(3) === 0 ? textOf(dice) : edited(dice, before);
  const files = (text: string) => [{ name: 'set.cedar', text }];
  const { findings } = allAtOnce(lintPolicies(files(before), WORLD));
  for (const { message, help, line, column } of findings) {
    if (message === '' || help === '' || line < 1 || column < 1)
      throw new Error(`a finding without place or words: ${message}`);
  }
  const same = allAtOnce(diffPolicies(files(before), files(before), WORLD));
  if (same.differences.length > 0) throw new Error(`differs from itself: ${same.differences[0]?.sentence}`);
  const there = allAtOnce(diffPolicies(files(before), files(after), WORLD));
  const back = allAtOnce(diffPolicies(files(after), files(before), WORLD));
  const kinds = (diff: typeof there, kind: string) => diff.differences.filter((one) => one.kind === kind).length > 0;
  const settled = there.undecided.length + back.undecided.length === 0;
  if (settled && (kinds(there, 'gain') !== kinds(back, 'loss') || kinds(there, 'loss') !== kinds(back, 'gain'))) {
    throw new Error('what is gained one way is not lost the other');
  }
});
