import { createHash } from 'node:crypto';
import * as cedar from '@cedar-policy/cedar-wasm/nodejs';
import { readAnnotations } from './annotations.ts';
import { splitPolicies } from './cedar/lexer.ts';
import type { ParsedPolicy } from './cedar/policy.ts';
import type { PolicyFile, PolicyProblem } from './types.ts';

/** Policy text to policies, each with its place in its file. */
export type PolicySource = ParsedPolicy & {
  effect: 'permit' | 'forbid';
  file: string;
  line: number;
  /** Where its text starts in the file, UTF-16 units. */
  offset: number;
  annotations: Readonly<Record<string, string>>;
};

export type PolicyText = { files: readonly PolicyFile[]; policies: readonly PolicySource[]; problems: PolicyProblem[] };

/** Bounds of a set: more is a mistake, and every policy costs memory and start time. */
export const FILES_MAX = 1_000;
export const FILE_BYTES_MAX = 1_048_576;
export const POLICIES_MAX = 10_000;

/** @param fulfillable annotation names by protocol: what enforcement can do for that protocol. */
export function readPolicies(
  files: readonly PolicyFile[],
  fulfillable: Readonly<Record<string, readonly string[]>>,
): PolicyText {
  const problems: PolicyProblem[] = [];
  const policies: PolicySource[] = [];
  const ids = new Map<string, PolicySource>();
  for (const file of files) {
    for (const policy of readFile(file, problems)) {
      problems.push(...readAnnotations(policy, fulfillable));
      const earlier = ids.get(policy.id);
      if (earlier !== undefined) {
        const message = `the id is taken by ${earlier.file}:${earlier.line}`;
        problems.push(problemOf(policy, message, 'Give each policy an @id of its own.'));
      }
      ids.set(policy.id, policy);
      policies.push(policy);
    }
  }
  if (policies.length > POLICIES_MAX && policies[POLICIES_MAX] !== undefined) {
    problems.push(problemOf(policies[POLICIES_MAX], `a set has at most ${POLICIES_MAX} policies`));
  }
  return { files, policies, problems };
}

function readFile(file: PolicyFile, problems: PolicyProblem[]): PolicySource[] {
  const found: PolicySource[] = [];
  const lines = lineStarts(file.text);
  for (const { start, end } of splitPolicies(file.text)) {
    const text = file.text.slice(start, end);
    const answer = cedar.policyToJson(text);
    if (answer.type === 'failure') {
      problems.push(...answer.errors.map((error) => parseProblem(file, start, text, error)));
      continue;
    }
    const { json } = answer;
    const annotations = Object.fromEntries(
      Object.entries(json.annotations ?? {}).map(([name, value]): [string, string] => [name, value ?? '']),
    );
    const line = placeIn(lines, start).line;
    const id = annotations['id'] ?? `${file.name}:${line}`;
    found.push({ id, text, json, effect: json.effect, file: file.name, line, offset: start, annotations });
  }
  return found;
}

function parseProblem(file: PolicyFile, start: number, text: string, error: cedar.DetailedError): PolicyProblem {
  const label = error.sourceLocations?.[0];
  const place = placeIn(lineStarts(file.text), start + unitsOf(text, label?.start ?? 0));
  return {
    severity: 'error',
    file: file.name,
    ...place,
    policy: undefined,
    message: error.message.replace(/^failed to parse [^:]*: /, ''),
    help: error.help ?? label?.label ?? undefined,
  };
}

/** cedar-wasm counts UTF-8 bytes, editors and JavaScript UTF-16 units. */
export function unitsOf(text: string, bytes: number): number {
  return Buffer.from(text, 'utf8').toString('utf8', 0, bytes).length;
}

export function lineStarts(text: string): number[] {
  const starts = [0];
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) starts.push(at + 1);
  return starts;
}

export function placeIn(starts: readonly number[], offset: number): { line: number; column: number } {
  let low = 0;
  let high = starts.length - 1;
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if ((starts[middle] as number) <= offset) low = middle;
    else high = middle - 1;
  }
  return { line: low + 1, column: offset - (starts[low] as number) + 1 };
}

/** A problem with a policy as a whole, placed at its first line. */
export function problemOf(
  policy: PolicySource,
  message: string,
  help: string | undefined = undefined,
  severity: PolicyProblem['severity'] = 'error',
): PolicyProblem {
  return { severity, file: policy.file, line: policy.line, column: 1, policy: policy.id, message, help };
}

/** SHA-256, hex, over names and texts: what a set is activated by. */
export function digestOf(files: readonly PolicyFile[]): string {
  const sorted = [...files].sort((a, b) => (a.name < b.name ? -1 : 1));
  return createHash('sha256')
    .update(JSON.stringify(sorted.map(({ name, text }) => [name, text])))
    .digest('hex');
}
