import { resolve } from 'node:path';
import { findConfig, loadConfig } from '../../config/index.ts';
import {
  allAtOnce,
  type Difference,
  diffPolicies,
  type Finding,
  type FolderRead,
  lintPolicies,
  loadPolicies,
  offlineRegistration,
  type PolicyFile,
  type PolicyProblem,
  type Registration,
  type Undecided,
} from '../../controls/policy/index.ts';
import { visibleJson, visibleText } from '../../core/visible-text.ts';
import { type Call, type Command, DONE, type ExitCode, FAILED, type Option } from '../command.ts';
import { gatewayOf, report } from '../gateway.ts';
import { fold, foreign, paint } from '../paint.ts';
import type { Terminal } from '../terminal.ts';

const LIVE: Option = {
  type: 'boolean',
  about: 'Against the agents and tools that are registered at the running gateway.',
};

type Problem = Pick<PolicyProblem, 'file' | 'line' | 'column' | 'message'>;
/** As the gateway answers, or as it was found here. */
type LintShown = {
  policies: number;
  findings: readonly (Omit<Finding, 'policy'> & { policy: string | null })[];
  undecided: readonly Undecided[];
  problems: readonly Problem[];
};
type DiffShown = {
  equal: boolean;
  compared: number;
  differences: readonly Difference[];
  undecided: readonly Undecided[];
  problems: readonly Problem[];
};

export const lint: Command = {
  usage: '[folder]',
  arity: [0, 1],
  about:
    'Finds what is dead, contradictory or too broad in policies: permits that another one covers or a forbid takes away, conditions that can never be true, agents, jobs and tools that do not exist. Without a gateway it knows the agents of sallyport.yaml and what the *.test.yaml files tell of.',
  examples: [
    ['sallyport policy lint', 'the folder that sallyport.yaml names, or policies'],
    ['sallyport policy lint --live', 'what is in force, against what is registered now'],
    ['sallyport policy lint next --live', 'files that are not in force yet, against what is registered now'],
  ],
  options: { live: LIVE },
  async run(call) {
    const live = call.options.flag('live');
    if (live) {
      const subject = call.args[0] === undefined ? ACTIVE : { of: 'files' as const, ...(await filesOf(call.args[0])) };
      const client = gatewayOf(call);
      if (typeof client === 'number') return client;
      const answer = await client.call('policy.lint', { body: { subject } });
      return answer.kind === 'failure' ? report(call, answer) : showLint(call, answer.value);
    }
    const folder = folderOf(call, call.args[0]);
    const read = await loadPolicies(folder);
    const found = allAtOnce(lintPolicies(read.files, await registrationOf(call, [folder])));
    return showLint(call, {
      ...found,
      findings: found.findings.map(withNull),
      problems: [...read.problems, ...found.problems],
    });
  },
};

function withNull<T extends { policy: string | undefined }>({ policy, ...rest }: T) {
  return { ...rest, policy: policy ?? null };
}

const ACTIVE = { of: 'active' } as const;

async function filesOf(folder: string): Promise<{ files: PolicyFile[] }> {
  const { files } = await loadPolicies(resolve(folder));
  return { files: [...files] };
}

function showLint(call: Call, shown: LintShown): ExitCode {
  const { findings, undecided, problems, policies } = shown;
  const faults = findings.filter(({ severity }) => severity === 'warning').length + problems.length;
  if (call.json) call.terminal.write(`${visibleJson(shown, 2)}\n`);
  else {
    call.terminal.note(problemLines(problems, call.terminal));
    call.terminal.write(findings.map((finding) => findingText(finding, call.terminal)).join(''));
    call.terminal.write(undecidedLines(undecided, call.terminal));
    const count = `${policies} ${policies === 1 ? 'policy' : 'policies'}`;
    call.terminal.write(
      faults === 0 ? `${count}, no fault.\n` : `${count}, ${faults} ${faults === 1 ? 'fault' : 'faults'}.\n`,
    );
  }
  return faults === 0 ? DONE : FAILED;
}

function findingText(finding: LintShown['findings'][number], terminal: Terminal): string {
  const { kind, severity, file, line, column, policy, message, help } = finding;
  const mark = severity === 'warning' ? paint(terminal, 'yellow', `✗ ${kind}`) : paint(terminal, 'dim', `… ${kind}`);
  const place = `${visibleText(file)}:${line}:${column}${policy === null ? '' : ` ${visibleText(policy)}`}`;
  const body = fold(visibleText(message), terminal.columns, '    ');
  return `${mark} ${place}\n${body}\n${fold(visibleText(help), terminal.columns, '    → ')}\n`;
}

function undecidedLines(undecided: LintShown['undecided'], terminal: Terminal): string {
  return undecided
    .map(
      ({ about, because }) =>
        `${paint(terminal, 'yellow', '? not decided')} ${visibleText(about)}: ${visibleText(because)}\n`,
    )
    .join('');
}

function problemLines(problems: LintShown['problems'], terminal: Terminal): string {
  return problems
    .map(({ file, line, column, message }) => {
      const mark = paint(terminal, 'red', '✗ error');
      return `${mark} ${visibleText(file)}:${line}:${column}\n${fold(visibleText(message), terminal.columns, '    ')}\n`;
    })
    .join('');
}

export const diff: Command = {
  usage: '<before> <after>',
  arity: [2, 2],
  about:
    'Says who gains and who loses what from one set of policies to another, and names a request that shows it. Each side is a folder, `active`, or the digest of a set. It compares what the policies do: reformatting, other ids or another order make no difference.',
  examples: [
    ['sallyport policy diff active policies', 'what the folder would change about what is in force'],
    ['sallyport policy diff policies next', 'two folders, without a gateway'],
    ['sallyport policy diff 3f9a2c51d0e4 active --json', 'an earlier set and what is in force'],
  ],
  options: { live: LIVE },
  async run(call) {
    const [before = '', after = ''] = call.args;
    const isStored = [before, after].some((side) => side === 'active' || DIGEST.test(side));
    if (isStored || call.options.flag('live')) {
      const client = gatewayOf(call);
      if (typeof client === 'number') return client;
      const body = { before: await subjectOf(before), after: await subjectOf(after) };
      const answer = await client.call('policy.diff', { body });
      return answer.kind === 'failure' ? report(call, answer) : showDiff(call, answer.value);
    }
    const reads: FolderRead[] = [await loadPolicies(resolve(before)), await loadPolicies(resolve(after))];
    const [old, now] = reads.map(({ files }) => files);
    const registration = await registrationOf(call, [resolve(before), resolve(after)]);
    const found = allAtOnce(diffPolicies(old ?? [], now ?? [], registration));
    const problems = [...reads.flatMap((read) => read.problems), ...found.problems];
    return showDiff(call, { ...found, problems });
  },
};

const DIGEST = /^[0-9a-f]{8,64}$/;

async function subjectOf(side: string) {
  if (side === 'active') return ACTIVE;
  return DIGEST.test(side) ? { of: 'set' as const, set: side } : { of: 'files' as const, ...(await filesOf(side)) };
}

const MARKS = { gain: ['green', '+ gain'], loss: ['red', '- loss'], change: ['yellow', '~ change'] } as const;

function showDiff(call: Call, shown: DiffShown): ExitCode {
  const { differences, undecided, problems, compared, equal } = shown;
  if (call.json) call.terminal.write(`${visibleJson(shown, 2)}\n`);
  else {
    call.terminal.note(problemLines(problems, call.terminal));
    for (const { kind, sentence, witness } of differences) {
      const [colour, mark] = MARKS[kind];
      const body = fold(visibleText(sentence), call.terminal.columns, '    ').trimStart();
      call.terminal.write(`${paint(call.terminal, colour, mark)} ${body}\n    ${foreign(witness.command)}\n`);
    }
    call.terminal.write(undecidedLines(undecided, call.terminal));
    if (problems.length === 0) call.terminal.write(summary(equal, differences.length, compared));
  }
  return problems.length > 0 ? FAILED : DONE;
}

function summary(equal: boolean, differences: number, compared: number): string {
  const over = `over ${compared} combinations of who, what and on what`;
  if (equal) return `They permit the same, ${over}.\n`;
  return differences === 0
    ? `No difference was found ${over}.\n`
    : `${differences} ${differences === 1 ? 'difference' : 'differences'} ${over}.\n`;
}

function folderOf({ options }: Call, given: string | undefined): string {
  if (given !== undefined) return resolve(given);
  return configHere(options)?.policy.folder ?? resolve('policies');
}

function configHere(options: Call['options']) {
  const { file, found } = findConfig(options.text('config'), process.cwd());
  const loaded = found ? loadConfig(file) : undefined;
  return loaded?.kind === 'loaded' ? loaded.config : undefined;
}

async function registrationOf({ options }: Call, folders: readonly string[]): Promise<Registration> {
  const cases = await Promise.all(folders.map((folder) => loadPolicies(folder, '.test.yaml')));
  return offlineRegistration(
    cases.flatMap(({ files }) => files),
    configHere(options)?.agents ?? {},
    Object.keys(configHere(options)?.upstreams ?? {}),
  );
}
