import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  type CaseResult,
  checkPolicies,
  formatPolicies,
  loadPolicies,
  type PolicyProblem,
  testPolicies,
} from '../../controls/policy/index.ts';
import { visibleJson, visibleText } from '../../core/visible-text.ts';
import { type Command, DONE, FAILED } from '../command.ts';
import { fold, paint } from '../paint.ts';
import { policyFolder } from '../policy-subject.ts';
import type { Terminal } from '../terminal.ts';

const FOLDER = 'The folder is the one that sallyport.yaml names, or policies.';

export const check: Command = {
  usage: '[folder]',
  arity: [0, 1],
  about: `Reads policy files as the gateway does, without one: syntax, annotations, names, types, each fault with file, line and column. ${FOLDER}`,
  examples: [
    ['sallyport policy check', 'the policies of this folder'],
    ['sallyport policy check policies --json', 'for an editor or a pipeline'],
  ],
  async run(call) {
    const folder = policyFolder(call);
    const read = await loadPolicies(folder);
    const checked = checkPolicies(read.files);
    const problems = [...read.problems, ...checked.problems];
    const good = !problems.some(({ severity }) => severity === 'error');
    const count = `${checked.policies} policies in ${read.files.length} files, ${checked.compiled} compiled`;
    if (call.json)
      call.terminal.write(
        `${visibleJson({ valid: good, policies: checked.policies, compiled: checked.compiled, problems }, 2)}\n`,
      );
    else {
      call.terminal.note(problems.map((problem) => problemText(folder, problem, call.terminal)).join(''));
      call.terminal.write(good ? `${folder} is good: ${count}.\n` : `${folder} has faults: ${count}.\n`);
    }
    return good ? DONE : FAILED;
  },
};

export const test: Command = {
  usage: '[folder]',
  arity: [0, 1],
  about: `Runs the cases in *.test.yaml beside the policies: who asks for what, and what must come of it. ${FOLDER}`,
  examples: [['sallyport policy test', 'all cases; a difference shows what the engine says']],
  async run(call) {
    const folder = policyFolder(call);
    const policies = await loadPolicies(folder);
    const cases = await loadPolicies(folder, '.test.yaml');
    const run = testPolicies(policies.files, cases.files);
    const problems = [...policies.problems, ...cases.problems, ...run.problems];
    const failed = run.results.filter(({ passed }) => !passed);
    const good = failed.length === 0 && !problems.some(({ severity }) => severity === 'error');
    if (call.json)
      call.terminal.write(`${visibleJson({ passed: good, problems, results: run.results.map(withoutTrace) }, 2)}\n`);
    else {
      call.terminal.note(problems.map((problem) => problemText(folder, problem, call.terminal)).join(''));
      call.terminal.write(run.results.map((result) => resultText(result, call.terminal)).join(''));
      call.terminal.write(
        run.results.length === 0
          ? noCases(folder)
          : `${run.results.length - failed.length} of ${run.results.length} cases passed.\n`,
      );
    }
    return good ? DONE : FAILED;
  },
};

export const format: Command = {
  usage: '[folder]',
  arity: [0, 1],
  about: `Writes policy files in Cedar's own format. ${FOLDER}`,
  examples: [
    ['sallyport policy format', 'format in place'],
    ['sallyport policy format --check', 'change nothing; exit 1 where something would change'],
  ],
  options: { check: { type: 'boolean', about: 'Change nothing; only say what would change.' } },
  async run(call) {
    const folder = policyFolder(call);
    const read = await loadPolicies(folder);
    const { files, problems } = formatPolicies(read.files);
    const changed = files.filter((file) => file.changed);
    const only = call.options.flag('check');
    if (!only) for (const { name, text } of changed) writeFileSync(join(folder, name), text);
    const faults = [...read.problems, ...problems];
    const names = changed.map(({ name }) => name);
    if (call.json) call.terminal.write(`${visibleJson({ changed: names, problems: faults }, 2)}\n`);
    else {
      call.terminal.note(faults.map((problem) => problemText(folder, problem, call.terminal)).join(''));
      const said = only ? 'would change' : 'formatted';
      call.terminal.write(
        names.length === 0
          ? 'Nothing to change.\n'
          : names.map((name) => `${said}: ${visibleText(join(folder, name))}\n`).join(''),
      );
    }
    return faults.length > 0 || (only && changed.length > 0) ? FAILED : DONE;
  },
};

function problemText(folder: string, problem: PolicyProblem, terminal: Terminal): string {
  const mark =
    problem.severity === 'error' ? paint(terminal, 'red', '✗ error') : paint(terminal, 'yellow', '… warning');
  const help = problem.help === undefined ? '' : `\n${fold(visibleText(problem.help), terminal.columns, '    ')}`;
  const place = `${visibleText(join(folder, problem.file))}:${problem.line}:${problem.column}`;
  return `${mark} ${place}\n${fold(visibleText(problem.message), terminal.columns, '    ')}${help}\n`;
}

function resultText({ file, line, it, passed, differences }: CaseResult, terminal: Terminal): string {
  const mark = passed ? paint(terminal, 'green', '✓') : paint(terminal, 'red', '✗');
  const place = passed ? '' : ` (${visibleText(file)}:${line})`;
  const lines = differences.map((difference) => `${fold(visibleText(difference), terminal.columns, '    ')}\n`);
  return `${mark} ${visibleText(it)}${place}\n${lines.join('')}`;
}

function withoutTrace({ explanation, ...result }: CaseResult) {
  return { ...result, decision: explanation.decision.effect, policies: explanation.decision.policies };
}

function noCases(folder: string): string {
  return `There is no *.test.yaml in ${folder}. Each case says who asks for what and what must come of it; see docs/guides/policies.md\n`;
}
