import * as cedar from '@cedar-policy/cedar-wasm/nodejs';
import { asObject, type CedarJson } from '../cedar/json-values.ts';
import { tokenize } from '../cedar/lexer.ts';

/** Cedar's own writing of expressions and policies, from its JSON form. */
export type Named = { principal: Ref; action: Ref; resource: Ref };
export type Ref = { type: string; id: string };

export function and(parts: readonly CedarJson[]): CedarJson {
  return joined('&&', parts, true);
}

export function or(parts: readonly CedarJson[]): CedarJson {
  return joined('||', parts, false);
}

function joined(operator: '&&' | '||', parts: readonly CedarJson[], none: boolean): CedarJson {
  const [first, ...more] = parts;
  if (first === undefined) return { Value: none };
  return more.reduce((left, right) => ({ [operator]: { left, right } }), first);
}

/** `principal == P && action == A && resource == R`, in this order: whatever else is asked is not looked at for others. */
export function exactly({ principal, action, resource }: Named): CedarJson[] {
  const is = (name: string, entity: Ref): CedarJson => ({
    '==': { left: { Var: name }, right: { Value: { __entity: entity } } },
  });
  return [is('principal', principal), is('action', action), is('resource', resource)];
}

export function headOf({
  principal,
  action,
  resource,
}: Named): Pick<cedar.PolicyJson, 'principal' | 'action' | 'resource'> {
  return {
    principal: { op: '==', entity: principal },
    action: { op: '==', entity: action },
    resource: { op: '==', entity: resource },
  };
}

/** @returns undefined where it is too deep for Cedar's reader of JSON. */
export function policyText(json: cedar.PolicyJson): string | undefined {
  try {
    const answer = cedar.policyToText(json);
    if (answer.type === 'failure') return undefined;
    const formatted = cedar.formatPolicies({ policyText: answer.text, lineWidth: 100, indentWidth: 2 });
    return (formatted.type === 'success' ? formatted.formatted_policy : answer.text).trim();
  } catch {
    return undefined;
  }
}

/** `unless { … }` as a clause by itself. */
export function unlessText(body: CedarJson): string | undefined {
  const all = { op: 'All' } as const;
  const conditions: cedar.Clause[] = [{ kind: 'unless', body: body as cedar.Expr }];
  const text = policyText({ effect: 'forbid', principal: all, action: all, resource: all, conditions });
  return text?.slice(text.indexOf('unless')).replace(/;\s*$/, '');
}

/**
 * The policy with one more clause, before all others: Cedar asks them in order, so what follows is not evaluated where
 * this one fails, and cannot fail there itself. The author's own words and comments stay as they are.
 */
export function withFirstClause(text: string, clause: string): string | undefined {
  const end = endOfHead(text);
  return end === undefined ? undefined : `${text.slice(0, end)}\n${clause}${text.slice(end)}`;
}

/** Just after the parenthesis that closes `permit (…)` or `forbid (…)`; annotations before it have some of their own. */
function endOfHead(text: string): number | undefined {
  const tokens = tokenize(text).filter(({ kind }) => kind !== 'space' && kind !== 'comment');
  const word = (at: number): string => text.slice(tokens[at]?.start ?? 0, tokens[at]?.end ?? 0);
  const verb = tokens.findIndex((_, at) => /^(?:permit|forbid)$/.test(word(at)) && word(at - 1) !== '@');
  if (verb < 0) return undefined;
  let depth = 0;
  for (let at = verb + 1; at < tokens.length; at += 1) {
    if (tokens[at]?.kind !== 'mark') continue;
    if (word(at) === '(') depth += 1;
    if (word(at) === ')') depth -= 1;
    if (depth === 0) return tokens[at]?.end;
  }
  return undefined;
}

/** Bodies of the clauses that `after` has in front of all that `before` is; undefined where it differs in anything else. */
export function exemptionsOf(before: cedar.PolicyJson, after: cedar.PolicyJson): CedarJson[] | undefined {
  const count = after.conditions.length - before.conditions.length;
  if (count < 0) return undefined;
  const rest = { ...after, conditions: after.conditions.slice(count) };
  const added = after.conditions.slice(0, count);
  if (inOrder(rest) !== inOrder(before)) return undefined;
  return added.every(({ kind }) => kind === 'unless') ? added.map(({ body }) => body as CedarJson) : undefined;
}

/** Whether an exemption's body asks for exactly these three before anything else. */
export function beginsWith(body: CedarJson, parts: readonly CedarJson[]): boolean {
  let left: CedarJson = body;
  const chain: CedarJson[] = [];
  for (;;) {
    const both = asObject(left)['&&'];
    if (both === undefined) break;
    const sides = asObject(both);
    chain.unshift(sides['right'] ?? false);
    left = sides['left'] ?? false;
  }
  const all = [left, ...chain];
  return parts.every((part, at) => inOrder(part) === inOrder(all[at]));
}

/** JSON text that does not depend on the order of members. */
function inOrder(json: unknown): string {
  return JSON.stringify(json, (_name, value: unknown) =>
    typeof value === 'object' && value !== null && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
      : value,
  );
}
