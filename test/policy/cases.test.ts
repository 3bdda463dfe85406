import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { loadPolicies, testPolicies } from '../../src/controls/policy/index.ts';

/** The readable cases, each a test of its own, and those that ship with the starter. */
const FOLDER = join(import.meta.dirname, '../cases/policy');
const STARTER = join(import.meta.dirname, '../../examples/starter/policies');

for (const name of readdirSync(FOLDER).filter((file) => file.endsWith('.yaml'))) {
  report(name, [], [{ name, text: readFileSync(join(FOLDER, name), 'utf8') }]);
}

const starter = await loadPolicies(STARTER);
const starterCases = await loadPolicies(STARTER, '.test.yaml');
assert.ok(starterCases.files.length > 0, 'the starter has cases');
report('starter', starter.files, starterCases.files);

function report(
  name: string,
  policies: Parameters<typeof testPolicies>[0],
  cases: Parameters<typeof testPolicies>[1],
): void {
  const run = testPolicies(policies, cases);
  test(`${name}: loads without errors`, () => {
    assert.deepEqual(
      run.problems.filter((problem) => problem.severity === 'error'),
      [],
    );
    assert.ok(run.results.length > 0);
  });
  for (const { it, line, differences } of run.results) {
    test(`${name}:${line} ${it}`, () => assert.deepEqual(differences, []));
  }
}
