import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { lintPolicies } from '../../../src/controls/policy/analysis/lint.ts';
import { allAtOnce } from '../../../src/controls/policy/analysis/slices.ts';
import type { LintReport } from '../../../src/controls/policy/index.ts';
import { FAULTS, HONEST } from './faults.ts';
import { WORLD } from './world.ts';

/** Every fault is found, named where it stands; and nothing is said of policies that are right. */
const lint = (text: string): LintReport => allAtOnce(lintPolicies([{ name: 'set.cedar', text }], WORLD));
const faultsIn = ({ findings }: LintReport) => findings.filter(({ severity }) => severity === 'warning');

describe('planted faults', () => {
  test('are thirty or more', () => assert.ok(FAULTS.length >= 30));
  for (const { what, text, kind, policy, column } of FAULTS) {
    test(what, () => {
      const report = lint(text);
      const found = faultsIn(report);
      assert.deepEqual(
        found.map((finding) => [finding.kind, finding.policy]),
        [[kind, policy]],
        JSON.stringify(report, undefined, 1),
      );
      const [finding] = found;
      assert.match(finding!.message, /^[A-Z`a-z].*\.$/s);
      assert.ok(finding!.help.length > 10);
      assert.deepEqual(report.undecided, []);
      if (column !== undefined) assert.equal(finding!.column, column, JSON.stringify(finding));
    });
  }
});

describe('nothing is said of', () => {
  for (const [what, text] of Object.entries(HONEST)) {
    test(what, () => {
      const report = lint(text);
      assert.deepEqual(faultsIn(report), []);
      assert.deepEqual(report.undecided, []);
      assert.deepEqual(report.problems, []);
    });
  }
});

test('tools that nobody speaks of are worth a note, and no fault', () => {
  const { findings } = lint(HONEST['one agent, one server']!);
  assert.ok(findings.every(({ kind, severity }) => kind === 'unmentioned' && severity === 'note'));
  assert.match(findings[0]!.message, /No policy mentions anything of github/);
});

test('what does not parse is a problem with its place, and the rest is looked at all the same', () => {
  const { problems, findings } = lint(`permit (principal;\n${FAULTS.find(({ kind }) => kind === 'overbroad')!.text}`);
  assert.equal(problems[0]?.line, 1);
  assert.ok(findings.some(({ kind }) => kind === 'overbroad'));
});
