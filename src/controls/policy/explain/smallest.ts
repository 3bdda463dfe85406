import type { PolicyJson } from '@cedar-policy/cedar-wasm/nodejs';
import type { DecisionRequest } from '../../../core/decision.ts';
import type { Registered } from '../catalog.ts';
import type { PolicySource } from '../places.ts';
import { createPolicySet, type PolicySet } from '../policy-set.ts';
import { type PolicyText, readPolicies } from '../source.ts';
import type { PolicyFile, PolicyProblem } from '../types.ts';
import { validatePolicies } from '../validate.ts';
import { FULFILLABLE } from '../vocabulary.ts';
import { beginsWith, exactly, exemptionsOf, type Named } from './cedar-text.ts';
import { type Edit, editsFor, type Known, namedBy, type Words } from './change.ts';
import { type Evaluated, evaluate } from './evaluation.ts';
import { changedAmong, othersThan } from './trial.ts';

/** The smallest change of policy that permits what was refused. It has been compiled and tried before anybody sees it. */
export type SmallestChange = {
  kind: 'change';
  edits: readonly Edit[];
  /** Files of the set that are new or differ, whole. */
  files: readonly PolicyFile[];
  named: readonly Named[];
  /** Requests beside it that both sets decide alike. */
  others: number;
  /** What is wrong with the changed policies already: their files are not taken over while it stands. */
  beware: readonly string[];
};

/** Why there is none: for a person. */
export type NoChange = { kind: 'impossible'; why: string };

/**
 * @param evaluated every access of one exchange under `set`; at least one is not permitted, and policies were asked for all.
 */
export function smallestChange(
  set: PolicySet,
  registered: Registered,
  evaluated: readonly Evaluated[],
): SmallestChange | NoChange {
  const first = changeIn('kept', { set, registered, evaluated });
  return first.kind === 'change' ? first : changeIn('pinned', { set, registered, evaluated });
}

function changeIn(
  words: Words,
  { set, registered, evaluated }: Pick<Trial, 'set' | 'registered' | 'evaluated'>,
): SmallestChange | NoChange {
  const refused = evaluated.filter(({ decision }) => decision.effect !== 'permit').filter(isKnown);
  const edits = editsFor(groupsOf(refused), new Set(set.policies.map(({ id }) => id)), words);
  if (edits === undefined) return impossible('its clauses lie too deep for Cedar to write them again');
  const changed = changedText(set.text, edits);
  const [problem] = changed.problems;
  if (problem !== undefined) return impossible(problem);
  return tried({ set, registered, evaluated, refused, edits, changed });
}

function isKnown(one: Evaluated): one is Known {
  return one.environment !== undefined;
}

function impossible(why: string): NoChange {
  return { kind: 'impossible', why };
}

function groupsOf(refused: readonly Known[]): { named: Named; accesses: Known[] }[] {
  const groups = new Map<string, { named: Named; accesses: Known[] }>();
  for (const one of refused) {
    const named = namedBy(one.request);
    const key = JSON.stringify(named);
    const group = groups.get(key) ?? { named, accesses: [] };
    group.accesses.push(one);
    groups.set(key, group);
  }
  return [...groups.values()];
}

type Changed = {
  text: PolicyText;
  sources: readonly PolicySource[];
  files: readonly PolicyFile[];
  problems: readonly string[];
};

/** Only what changes is parsed: a set may have thousands. */
function changedText(text: PolicyText, edits: readonly Edit[]): Changed {
  const problems: string[] = [];
  const replaced = new Map<string, PolicySource>();
  for (const edit of edits) {
    const read = readPolicies([{ name: edit.file, text: edit.after }], FULFILLABLE);
    const [source, more] = read.policies;
    const wrong = read.problems.find(({ severity }) => severity === 'error');
    if (wrong !== undefined) problems.push(`${edit.policy} would not load: ${wrong.message}`);
    else if (source === undefined || more !== undefined) problems.push(`${edit.policy} would not be one policy`);
    else replaced.set(edit.policy, source);
  }
  const kept = text.policies.map((policy) => replaced.get(policy.id) ?? policy);
  const added = edits.flatMap(({ before, policy }) => (before === undefined ? (replaced.get(policy) ?? []) : []));
  const files = changedFiles(text.files, edits);
  const all = [...text.files.filter(({ name }) => !files.some((file) => file.name === name)), ...files];
  return {
    text: { files: all, policies: [...kept, ...added], problems: [] },
    sources: [...replaced.values()],
    files,
    problems,
  };
}

function changedFiles(files: readonly PolicyFile[], edits: readonly Edit[]): PolicyFile[] {
  return [...new Set(edits.map(({ file }) => file))].map((name) => {
    const before = files.find((file) => file.name === name)?.text ?? '';
    const own = edits.filter(({ file }) => file === name);
    const changes = own.flatMap(({ before: source, after }) => (source === undefined ? [] : [{ source, after }]));
    const text = changes
      .sort((a, b) => b.source.offset - a.source.offset)
      .reduce(
        (now, { source: { offset, text: old }, after }) =>
          now.slice(0, offset) + after + now.slice(offset + old.length),
        before,
      );
    const added = own.filter((edit) => edit.before === undefined).map(({ after }) => `\n${after}\n`);
    return { name, text: `${text.replace(/\n?$/, '\n')}${added.join('')}`.replace(/^\n+/, '') };
  });
}

type Trial = {
  set: PolicySet;
  registered: Registered;
  evaluated: readonly Evaluated[];
  refused: readonly Known[];
  edits: readonly Edit[];
  changed: Changed;
};

/** Compiled, checked against the schema, replayed, and held against other requests: an offer that fails here is not made. */
function tried({ set, registered, evaluated, refused, edits, changed }: Trial): SmallestChange | NoChange {
  const named = groupsOf(refused).map((group) => group.named);
  const { fresh, old } = problemsOf(set, changed, registered);
  const [wrong] = fresh;
  if (wrong !== undefined) return impossible(`${wrong.policy ?? 'it'} would not load: ${wrong.message}`);
  if (!edits.every((edit) => isLimited(edit, changed.sources, named)))
    return impossible('it would reach further than this call');
  const after = createPolicySet(changed.text);
  try {
    const still = evaluated.map(({ request }) => evaluate(after, registered, request)).find(isRefused);
    if (still !== undefined) return impossible(`it would still be refused: ${still.decision.summary}`);
    const others = othersThan(requestsOf(refused), set, registered);
    const differ = changedAmong(others, set, after, registered);
    if (differ > 0) return impossible(`${differ} other requests would be decided otherwise`);
    const beware = old.map(({ policy, message }) => `${policy ?? 'A policy'}: ${message}`);
    return { kind: 'change', edits, files: changed.files, named, others: others.length, beware };
  } finally {
    after.release();
  }
}

/** Errors of the changed policies: those that they have only now, and those that they had before. */
function problemsOf(
  { text, policies }: PolicySet,
  changed: Changed,
  registered: Registered,
): { fresh: PolicyProblem[]; old: PolicyProblem[] } {
  const ids = new Set(changed.sources.map(({ id }) => id));
  const errors = (sources: readonly PolicySource[]): PolicyProblem[] =>
    validatePolicies({ ...text, policies: sources }, registered).filter(({ severity }) => severity === 'error');
  const said = ({ policy, message }: PolicyProblem): string => `${policy} ${message}`;
  const before = new Set(errors(policies.map(({ source }) => source).filter(({ id }) => ids.has(id))).map(said));
  const now = errors(changed.sources);
  return { fresh: now.filter((one) => !before.has(said(one))), old: now.filter((one) => before.has(said(one))) };
}

function isRefused({ decision }: Evaluated): boolean {
  return decision.effect !== 'permit';
}

function requestsOf(refused: readonly Known[]): DecisionRequest[] {
  return refused.map(({ request }) => request);
}

/**
 * The argument that nothing else changes, made on the policies themselves: a new one has these three names as its head; a
 * changed one is as it was but for a first clause, which is true for every request that names anything else.
 */
function isLimited({ policy, before }: Edit, sources: readonly PolicySource[], named: readonly Named[]): boolean {
  const after = sources.find(({ id }) => id === policy);
  if (after === undefined) return false;
  if (before !== undefined) return isExemptionOf(before.json, after.json, named);
  return named.some((one) => isHeadOf(after.json, one));
}

function isHeadOf(json: PolicyJson, { principal, action, resource }: Named): boolean {
  const is = (constraint: unknown, entity: { type: string; id: string }): boolean => {
    const { op, entity: found } = constraint as { op: string; entity?: { type: string; id: string } };
    return op === '==' && found?.type === entity.type && found.id === entity.id;
  };
  return is(json.principal, principal) && is(json.action, action) && is(json.resource, resource);
}

function isExemptionOf(before: PolicyJson, after: PolicyJson, named: readonly Named[]): boolean {
  const exemptions = exemptionsOf(before, after);
  return (
    exemptions?.every((body) => named.some((one) => beginsWith(body, exactly(one)))) === true && exemptions.length > 0
  );
}
