import { createHash } from 'node:crypto';
import * as cedar from '@cedar-policy/cedar-wasm/nodejs';
import { readAnnotations } from './annotations.ts';
import { tooComplex } from './cedar/complexity.ts';
import { splitPolicies } from './cedar/lexer.ts';
import { lineStarts, type PolicySource, placeIn, problemOf, unitsOf } from './places.ts';
import { readsDelegation } from './reads.ts';
import { Remembered } from './remembered.ts';
import type { PolicyFile, PolicyProblem } from './types.ts';
import { GRANTS_FILE } from './vocabulary.ts';

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
    const read = FILES.of(`${file.name}\u0000${file.text}`, () => readFile(file));
    problems.push(...read.problems);
    for (const policy of read.policies) {
      problems.push(...ownProblems(policy, fulfillable));
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

type FileRead = { policies: readonly PolicySource[]; problems: readonly PolicyProblem[] };
type Parsed =
  | Pick<PolicySource, 'json' | 'effect' | 'annotations'>
  | { complaint: string }
  | { errors: cedar.DetailedError[] };

/** Files and policies are read once, however many versions of a set they are part of. */
const FILES = new Remembered<FileRead>(8_000_000);
const POLICIES = new Remembered<Parsed>(8_000_000);

function readFile(file: PolicyFile): FileRead {
  const policies: PolicySource[] = [];
  const problems: PolicyProblem[] = [];
  const lines = lineStarts(file.text);
  for (const { start, end } of splitPolicies(file.text)) {
    const text = file.text.slice(start, end);
    const parsed = POLICIES.of(text, () => parse(text));
    if ('complaint' in parsed) problems.push(tooComplexProblem(file, start, parsed.complaint));
    else if ('errors' in parsed) problems.push(...parsed.errors.map((error) => parseProblem(file, start, text, error)));
    else {
      const line = placeIn(lines, start).line;
      const id = parsed.annotations['id'] ?? `${file.name}:${line}`;
      policies.push({ id, text, ...parsed, file: file.name, line, offset: start });
    }
  }
  return { policies, problems };
}

function parse(text: string): Parsed {
  const complaint = tooComplex(text);
  if (complaint !== undefined) return { complaint };
  const answer = cedar.policyToJson(text);
  if (answer.type === 'failure') return { errors: answer.errors };
  const { json } = answer;
  const annotations = Object.fromEntries(
    Object.entries(json.annotations ?? {}).map(([name, value]): [string, string] => [name, value ?? '']),
  );
  return { json, effect: json.effect, annotations };
}

type Fulfillable = Readonly<Record<string, readonly string[]>>;
/** Policies in which nothing was found, wherever they stand. */
const SOUND = new WeakMap<PolicySource['json'], Fulfillable>();

/** What is wrong with a policy by itself. */
function ownProblems(policy: PolicySource, fulfillable: Fulfillable): readonly PolicyProblem[] {
  // Grants may be called what policies of a set may not.
  const isGrant = policy.file === GRANTS_FILE;
  if (!isGrant && SOUND.get(policy.json) === fulfillable) return [];
  const problems = readAnnotations(policy, fulfillable);
  if (policy.effect === 'permit' && readsDelegation(policy)) {
    const message = 'a permit may not read context.chain: who stands between gives nobody a right';
    problems.push(problemOf(policy, message, 'Permit by the agent and context.run.subject; forbid by the chain.'));
  }
  if (!isGrant && problems.length === 0) SOUND.set(policy.json, fulfillable);
  return problems;
}

export function tooComplexProblem(file: PolicyFile, start: number, message: string): PolicyProblem {
  const place = placeIn(lineStarts(file.text), start);
  return {
    severity: 'error',
    file: file.name,
    ...place,
    policy: undefined,
    message,
    help: 'Split it into several policies.',
  };
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

/** SHA-256, hex, over names and texts: what a set is activated by. */
export function digestOf(files: readonly PolicyFile[]): string {
  const sorted = [...files].sort((a, b) => (a.name < b.name ? -1 : 1));
  return createHash('sha256')
    .update(JSON.stringify(sorted.map(({ name, text }) => [name, text])))
    .digest('hex');
}
