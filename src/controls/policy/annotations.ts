import type { CedarJson } from './cedar/json-values.ts';
import { readConstraint } from './cedar/scope.ts';
import { type PolicySource, problemOf } from './places.ts';
import type { PolicyProblem } from './types.ts';
import { ACTIONS, GRANTS_FILE, RESERVED_IDS } from './vocabulary.ts';

/**
 * What a policy says beside its rule. An annotation that is misspelt, or that nothing carries out, would be a mask that
 * never masks; so it is an error when the set is loaded.
 */
const ID = /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/;
const APPROVE = /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}(?: quorum=[1-9][0-9]?)?$/;
const TEXT_CHARACTERS_MAX = 500;
/** Annotations that describe a policy; all others are obligations or change what it does. */
const DESCRIPTIVE: readonly string[] = ['id', 'reason', 'public', 'evidence', 'shadow'];

export function readAnnotations(
  policy: PolicySource,
  fulfillable: Readonly<Record<string, readonly string[]>>,
): PolicyProblem[] {
  const { annotations } = policy;
  const problems = [...idProblems(policy), ...textProblems(policy)];
  const fail = (message: string, help?: string): void => void problems.push(problemOf(policy, message, help));
  const known = new Set(Object.values(fulfillable).flat());
  for (const name of Object.keys(annotations)) {
    if (!known.has(name))
      fail(`the annotation @${name} is not known`, `Known are ${[...known].map((n) => `@${n}`).join(', ')}.`);
    else {
      const without = protocolsOf(policy).filter((protocol) => !fulfillable[protocol]?.includes(name));
      if (without.length > 0)
        fail(`${without.join(', ')} cannot fulfil @${name}`, 'Name actions in the scope that can.');
    }
  }
  const approve = annotations['approve'];
  if (approve !== undefined && policy.effect === 'permit') {
    fail(
      '@approve stands on a forbid: it says what must not happen without a person',
      'Write a forbid beside the permit.',
    );
  }
  if (approve !== undefined && !APPROVE.test(approve))
    fail('@approve names a role, and a quorum if more than one: "team-dba quorum=2"');
  return problems;
}

function idProblems(policy: PolicySource): PolicyProblem[] {
  // Their ids are the gateway's own.
  if (policy.file === GRANTS_FILE) return [];
  const id = policy.annotations['id'];
  if (id === undefined)
    return [problemOf(policy, 'the policy has no @id', 'Receipts name policies by it: @id("short-name").')];
  if (!ID.test(id)) return [problemOf(policy, '@id is letters, digits, dots, hyphens and underscores, at most 100')];
  return RESERVED_IDS.includes(id) ? [problemOf(policy, `the id ${id} is taken by the gateway itself`)] : [];
}

function textProblems(policy: PolicySource): PolicyProblem[] {
  const problems: PolicyProblem[] = [];
  for (const name of ['reason', 'public']) {
    const text = policy.annotations[name];
    if (name === 'reason' && text === undefined) {
      problems.push(problemOf(policy, 'the policy has no @reason', 'Say in a sentence why it is there.'));
    } else if (text !== undefined && (text.trim() === '' || text.length > TEXT_CHARACTERS_MAX || hasControls(text))) {
      problems.push(problemOf(policy, `@${name} is one sentence of at most ${TEXT_CHARACTERS_MAX} characters`));
    }
  }
  return problems;
}

/** Control, format and bidirectional characters: the text is shown in terminals and sent to agents. */
function hasControls(text: string): boolean {
  return /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u.test(text);
}

/** Names of the actions that the head can match. Conditions may narrow them; the head is what can be relied upon. */
export function actionsOf(policy: PolicySource): string[] {
  const constraint = readConstraint(policy.json.action as CedarJson);
  const all = Object.keys(ACTIONS);
  if (constraint.kind === 'equals') return all.filter((action) => action === constraint.entity.id);
  if (constraint.kind !== 'within') return all;
  return all.filter((action) => constraint.entities.some((entity) => entity.id === action));
}

function protocolsOf(policy: PolicySource): string[] {
  return [...new Set(actionsOf(policy).map((action) => ACTIONS[action]?.protocol ?? ''))];
}

/** What a satisfied permit asks for. */
export function obligationsOf(policy: PolicySource): { name: string; value: string; policy: string }[] {
  return Object.entries(policy.annotations)
    .filter(([name]) => !DESCRIPTIVE.includes(name))
    .map(([name, value]) => ({ name, value, policy: policy.id }));
}
