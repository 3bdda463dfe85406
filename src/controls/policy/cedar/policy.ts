import type { PolicyJson } from '@cedar-policy/cedar-wasm/nodejs';
import type { Closure, Environment } from './environment.ts';
import { asBoolean, compileExpression } from './expression.ts';
import { asObject, type CedarJson, isArray } from './json-values.ts';
import { integersOf, Uncompilable } from './literals.ts';
import { fromMask, MAY_BE_FALSE, MAY_BE_TRUE, MAY_FAIL, maskOf, Partial, type Result } from './results.ts';
import { readConstraint, type Scope } from './scope.ts';

/** A policy as cedar-wasm read it: its text, and the JSON form of that text. */
export type ParsedPolicy = { id: string; text: string; json: PolicyJson };

/** One `&&`-ed part of the conditions. `unless` conjuncts are kept negated. */
export type Conjunct = { expression: CedarJson; negated: boolean; evaluate: Closure };

export type CompiledPolicy = {
  id: string;
  effect: 'permit' | 'forbid';
  /** Position in the set: answers come in this order. */
  ordinal: number;
  scope: Scope;
  /** undefined where this evaluator cannot run it, with the reason. */
  conjuncts: readonly Conjunct[] | undefined;
  uncompilable: string | undefined;
  /** Whether the conditions look at the action or the resource; where not, a list evaluates them once. */
  looksAtResource: boolean;
};

/** @throws Uncompilable where not even the head can be read: a template. */
export function compilePolicy(policy: ParsedPolicy, ordinal: number): CompiledPolicy {
  const head = {
    principal: readConstraint(policy.json.principal as CedarJson),
    action: readConstraint(policy.json.action as CedarJson),
    resource: readConstraint(policy.json.resource as CedarJson),
  };
  const looksAtResource = mentions(policy.json.conditions as unknown as CedarJson, ['resource', 'action']);
  const base = { id: policy.id, effect: policy.json.effect, ordinal, scope: head, looksAtResource };
  try {
    return { ...base, conjuncts: compileConditions(policy), uncompilable: undefined };
  } catch (error) {
    if (!(error instanceof Uncompilable)) throw error;
    return { ...base, conjuncts: undefined, uncompilable: error.message };
  }
}

function mentions(json: CedarJson, variables: readonly string[]): boolean {
  if (typeof json !== 'object') return false;
  if (isArray(json)) return json.some((item) => mentions(item, variables));
  const { Var: name } = json;
  if (typeof name === 'string' && variables.includes(name)) return true;
  return Object.values(json).some((item) => mentions(item, variables));
}

function compileConditions(policy: ParsedPolicy): Conjunct[] {
  // A key of that name does not survive the way from WebAssembly into a JavaScript object.
  if (policy.text.includes('__proto__')) throw new Uncompilable('the name __proto__');
  const readInteger = integersOf(policy.text);
  return policy.json.conditions.flatMap((condition): Conjunct[] => {
    const body = condition.body as CedarJson;
    if (condition.kind === 'unless') {
      return [{ expression: body, negated: true, evaluate: compileExpression({ '!': { arg: body } }, readInteger) }];
    }
    return conjunctsOf(body).map((expression) => ({
      expression,
      negated: false,
      evaluate: compileExpression(expression, readInteger),
    }));
  });
}

/** `(a && b) && c` is `a`, `b`, `c`, in the order in which Cedar evaluates them. */
function conjunctsOf(expression: CedarJson): CedarJson[] {
  const pending = [expression];
  const found: CedarJson[] = [];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const both = asObject(next)['&&'];
    if (both === undefined) found.push(next);
    else {
      const { left, right } = asObject(both);
      if (left === undefined || right === undefined) throw new Uncompilable('a conjunction has two sides');
      pending.push(right, left);
    }
  }
  return found;
}

/** Evaluates the conditions: the scope has been matched before. */
export function evaluateConditions(conjuncts: readonly Conjunct[], environment: Environment): Result {
  for (let at = 0; at < conjuncts.length; at += 1) {
    const value = conjuncts[at]!.evaluate(environment);
    if (value === true) continue;
    if (value === false) return false;
    if (value instanceof Partial) return evaluateRest(value.mask, conjuncts.slice(at + 1), environment);
    return asBoolean(value);
  }
  return true;
}

/** After the first unknown conjunct: later ones still tell whether the policy can be satisfied at all. */
function evaluateRest(mask: number, rest: readonly Conjunct[], environment: Environment): Result {
  let possible = mask;
  for (const conjunct of rest) {
    if ((possible & MAY_BE_TRUE) === 0) break;
    const next = maskOf(conjunct.evaluate(environment));
    possible = (possible & (MAY_BE_FALSE | MAY_FAIL)) | next;
  }
  return fromMask(possible);
}
