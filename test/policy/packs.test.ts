import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { describe, test } from 'node:test';
import { pack } from '../../src/cli/commands/policy-pack.ts';
import {
  allAtOnce,
  checkPolicies,
  formatPolicies,
  lintPolicies,
  loadPolicies,
  offlineRegistration,
  testPolicies,
} from '../../src/controls/policy/index.ts';
import { temporaryFolder } from './support.ts';

/** Packs are what people begin with: each does what its cases say, is clean, and can be read in a minute. */
const PACKS = join(import.meta.dirname, '../../policies/packs');
const NAMES = ['ci-agent', 'data-analyst', 'developer-laptop', 'locked-down', 'observe', 'support-desk'];

test('there are six', () => assert.deepEqual(readdirSync(PACKS).sort(), NAMES));

for (const name of NAMES) {
  describe(name, async () => {
    const folder = join(PACKS, name);
    const policies = await loadPolicies(folder);
    const cases = await loadPolicies(folder, '.test.yaml');

    test('does what its cases say', () => {
      const { results, problems } = testPolicies(policies.files, cases.files);
      assert.deepEqual(problems, []);
      assert.deepEqual(
        results.flatMap(({ it, passed, differences }) => (passed ? [] : [it, ...differences])),
        [],
      );
      const refusals = results.filter(({ explanation }) => explanation.decision.effect === 'deny').length;
      assert.ok(refusals * 2 >= results.length, 'as many refusals as permits');
    });

    test('is clean', () => {
      const { findings, undecided, problems } = allAtOnce(
        lintPolicies(policies.files, offlineRegistration(cases.files, {})),
      );
      assert.deepEqual({ findings, undecided, problems }, { findings: [], undecided: [], problems: [] });
      const errors = checkPolicies(policies.files).problems.filter(({ severity }) => severity === 'error');
      assert.deepEqual(errors, []);
      assert.ok(
        formatPolicies(policies.files).files.every(({ changed }) => !changed),
        'as policy format writes it',
      );
    });

    test('is read in a minute', () => {
      const [file] = policies.files;
      assert.ok(file!.text.split('\n').length <= 100);
      const words = readFileSync(join(folder, 'README.md'), 'utf8').split(/\s+/).length;
      assert.ok(words < 220, `${words} words`);
    });
  });
}

describe('policy pack', () => {
  const run = async (args: readonly string[], options: Record<string, string | boolean> = {}) => {
    const out: string[] = [];
    const terminal = { write: (text: string) => out.push(text), note: (text: string) => out.push(text), color: false };
    const code = await pack.run({
      terminal: terminal as never,
      args,
      options: {
        text: (name) => (typeof options[name] === 'string' ? options[name] : undefined),
        texts: () => [],
        flag: (name) => options[name] === true,
      },
      json: options['json'] === true,
      signal: new AbortController().signal,
    });
    return { code, text: out.join('') };
  };
  const taken = async (t: TestContext, name: string, agent: string) => {
    const into = await temporaryFolder(t);
    const answer = await run([name], { take: true, into, agent });
    return { into, ...answer };
  };

  test('lists them with what they are for', async () => {
    const { code, text } = await run([]);
    assert.equal(code, 0);
    for (const name of NAMES) assert.match(text, new RegExp(name));
  });

  test('takes one for another agent, and its cases still hold', async (t) => {
    for (const name of NAMES) {
      const { into, code } = await taken(t, name, 'another.agent');
      assert.equal(code, 0);
      const [policies, cases] = [await loadPolicies(into), await loadPolicies(into, '.test.yaml')];
      const { results, problems } = testPolicies(policies.files, cases.files);
      assert.deepEqual([...problems, ...results.filter(({ passed }) => !passed)], [], name);
      assert.deepEqual(readdirSync(into).sort(), [`${name}.cedar`, `${name}.test.yaml`]);
    }
  });

  test('never writes over what is there', async (t) => {
    const { into } = await taken(t, 'support-desk', 'support');
    const { code, text } = await run(['support-desk'], { take: true, into });
    assert.equal(code, 1);
    assert.match(text, /there already. Nothing was written/);
  });

  test('refuses a name that would be Cedar, and a pack that there is not', async (t) => {
    await assert.rejects(taken(t, 'support-desk', 'x"); permit (principal, action, resource'), /--agent is a name/);
    await assert.rejects(run(['support']), /no pack support\. There are: ci-agent/);
  });
});
