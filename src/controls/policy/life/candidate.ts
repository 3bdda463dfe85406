import { createHash } from 'node:crypto';
import type { ServerCatalog } from '../../../core/manifest.ts';
import { type Refusal, refuse } from '../../../core/refusal.ts';
import { type CaseFile, readCaseFile } from '../case-file.ts';
import { type CaseRun, testPolicies } from '../cases.ts';
import type { Registered } from '../catalog.ts';
import { splitPolicies } from '../cedar/lexer.ts';
import { digestOf, type PolicyText, readPolicies } from '../source.ts';
import type { PolicyFile, PolicyProblem } from '../types.ts';
import { validateInTurns } from '../validate.ts';

/** A set that nobody has stored: all of its files, or edits of one that is; `text: null` removes a file. */
export type Candidate = {
  base?: string | undefined;
  files?: readonly PolicyFile[] | undefined;
  edits?: readonly { name: string; text: string | null }[] | undefined;
};

/** Policies with the cases that belong to them. The digest is of the policies alone: it names what decides. */
export type Folder = { policies: readonly PolicyFile[]; tests: readonly PolicyFile[] };

const TESTS = '.test.yaml';

export function folderOf(files: readonly PolicyFile[]): Folder {
  const sorted = [...files].sort((a, b) => (a.name < b.name ? -1 : 1));
  return {
    policies: sorted.filter(({ name }) => name.endsWith('.cedar')),
    tests: sorted.filter(({ name }) => name.endsWith(TESTS)),
  };
}

export function allFiles({ policies, tests }: Folder): PolicyFile[] {
  return [...policies, ...tests];
}

/** @param base what edits are of. */
export function candidateOf({ files, edits }: Candidate, base: Folder): Folder | Refusal {
  if ((files === undefined) === (edits === undefined)) {
    return invalid('Give either `files`, the whole set, or `edits` of one.');
  }
  const result = new Map(edits === undefined ? [] : allFiles(base).map(({ name, text }) => [name, text]));
  for (const { name, text } of files ?? edits ?? []) {
    if (text === null && !result.delete(name)) return invalid(`There is no file ${name} to remove.`);
    if (text !== null) result.set(name, text);
  }
  return folderOf([...result].map(([name, text]) => ({ name, text })));
}

function invalid(sentence: string): Refusal {
  return refuse('input_invalid', sentence, { public: sentence });
}

export type Checked = { digest: string; folder: Folder; text: PolicyText; problems: readonly PolicyProblem[] };

/** All that a load would complain of. */
export async function check(
  folder: Folder,
  fulfillable: Readonly<Record<string, readonly string[]>>,
  registered: Registered,
  turn: () => Promise<void>,
): Promise<Checked> {
  const text = readPolicies(folder.policies, fulfillable);
  const bad = text.problems.some(isError);
  const problems = bad ? text.problems : [...text.problems, ...(await validateInTurns(text, registered, turn))];
  return { digest: digestOf(folder.policies), folder, text, problems };
}

/** The cases of a set that are not what they should be, as problems with their places. */
export function failuresOf({ policies, tests }: Folder): PolicyProblem[] {
  if (tests.length === 0) return [];
  const { results, problems } = testPolicies(policies, tests);
  const failed = results.filter(({ passed }) => !passed);
  return [
    ...problems.filter(isError),
    ...failed.map(({ file, line, it, differences }): PolicyProblem => {
      const message = `the case “${it}” fails: ${differences[0] ?? ''}`;
      const help = 'Run them all: sallyport policy test';
      return { severity: 'error', file, line, column: 1, policy: undefined, message, help };
    }),
  ];
}

/** A set whose cases fail is not activated, whoever asks. */
export function mustPass(folder: Folder): Refusal | undefined {
  const failures = failuresOf(folder);
  const [first] = failures;
  if (first === undefined) return undefined;
  const more = failures.length > 1 ? `, and ${failures.length - 1} more` : '';
  const sentence = `${first.file}:${first.line}: ${first.message}${more}`;
  return refuse('policy_tests_failed', sentence, {
    public: `The tests of this policy set do not pass. ${sentence}`,
  });
}

/** Says that a candidate cannot be stored. */
export function wrongWith({ problems, text }: Checked): Refusal | undefined {
  const first = problems.find(isError);
  if (first === undefined) return text.policies.length === 0 ? invalid('A set has at least one policy.') : undefined;
  const sentence = `${first.file}:${first.line}:${first.column}: ${first.message}`;
  return invalid(sentence);
}

export function countsOf({ policies, tests }: Folder): { policies: number; cases: number } {
  const casesOf = (file: PolicyFile): number => {
    const read = readCaseFile(file);
    return Array.isArray(read) ? 0 : (read as CaseFile).cases.length;
  };
  return {
    policies: policies.reduce((sum, { text }) => sum + [...splitPolicies(text)].length, 0),
    cases: tests.reduce((sum, file) => sum + casesOf(file), 0),
  };
}

export function runCases(folder: Folder, registered: readonly ServerCatalog[] = []): CaseRun & { passed: boolean } {
  const run = testPolicies(folder.policies, folder.tests, registered);
  return { ...run, passed: run.results.every(({ passed }) => passed) && !run.problems.some(isError) };
}

/** Of the cases, which are no part of a set's digest. */
export function digestOfTests(tests: readonly PolicyFile[]): string {
  return createHash('sha256')
    .update(JSON.stringify(tests.map(({ name, text }) => [name, text])))
    .digest('hex');
}

export function isError({ severity }: PolicyProblem): boolean {
  return severity === 'error';
}
