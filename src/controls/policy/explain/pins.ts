import { Decimal, formatDecimal } from '../cedar/decimal.ts';
import type { Environment } from '../cedar/environment.ts';
import { compileExpression } from '../cedar/expression.ts';
import { asObject, type CedarJson, isArray } from '../cedar/json-values.ts';
import { integerOfDouble } from '../cedar/literals.ts';
import type { Conjunct } from '../cedar/policy.ts';
import { Failure, Partial, type Result } from '../cedar/results.ts';
import { CedarRecord, CedarSet } from '../cedar/values.ts';

/**
 * A pin is a condition that a request satisfies only where it looks, to a clause, as the recorded one did: each value that
 * the clause read equal to what it was, each that was absent absent. So a clause that failed is replaced by the least that
 * lets this call through, whatever the clause says.
 */
export type Pin = CedarJson;

const CONTEXT: CedarJson = { Var: 'context' };
const ARGS = dot(CONTEXT, 'args');

export function pinsOf(conjuncts: readonly Conjunct[], environment: Environment): Pin[] {
  const pins = new Map<string, Pin>();
  for (const { expression } of conjuncts) {
    for (const pin of pinsIn(expression, environment)) pins.set(JSON.stringify(pin), pin);
  }
  return [...pins.values()];
}

/** Every read of the context in an expression. The head names principal, action and resource, so these need no pin. */
function pinsIn(json: CedarJson, environment: Environment): Pin[] {
  if (typeof json !== 'object') return [];
  if (isArray(json)) return json.flatMap((part) => pinsIn(part, environment));
  if (json['has'] !== undefined) return pinsOfHas(json, environment);
  const path = pathOf(json);
  if (path === undefined) return Object.values(json).flatMap((part) => pinsIn(part, environment));
  return path[0] === 'context' && path.length > 1 ? pinPath(path.slice(1), environment) : [];
}

/** `x has y` is itself what was read, the other way round where it was false. */
function pinsOfHas(json: { readonly [key: string]: CedarJson }, environment: Environment): Pin[] {
  const { left, attr } = asObject(json['has']);
  const path = left === undefined ? undefined : pathOf(left);
  if (left === undefined || path === undefined) return left === undefined ? [] : pinsIn(left, environment);
  if (path[0] !== 'context') return [];
  const found = read(json, environment);
  if (found === true && path.length === 1) return [];
  if (typeof found === 'boolean') return [...guards(path.slice(1)), found ? json : not(json)];
  const names = typeof attr === 'string' ? [...path.slice(1), attr] : path.slice(1);
  return found instanceof Failure && names.length > 1 ? pinPath(names, environment) : [];
}

/** Down to the first step that is not there, or that policy cannot see. */
function pinPath(names: readonly string[], environment: Environment): Pin[] {
  let node = CONTEXT;
  for (const [at, name] of names.entries()) {
    const next = dot(node, name);
    const value = read(next, environment);
    if (value instanceof Failure) {
      const before = guards(names.slice(0, at));
      return [...before, value.kind === 'unmapped' ? unseen(names.slice(1, at + 1)) : not(has(node, name))];
    }
    node = next;
  }
  return [...guards(names), ...pinValue(node, read(node, environment))];
}

/** Attributes that may be absent have to be asked for before they are read. */
function guards(names: readonly string[]): Pin[] {
  const optional = names[0] === 'args' || names[0] === 'run';
  if (!optional) return [];
  let node = dot(CONTEXT, names[0] as string);
  return names.slice(1).map((name) => {
    const guard = has(node, name);
    node = dot(node, name);
    return guard;
  });
}

function pinValue(node: CedarJson, value: Result): Pin[] {
  if (value instanceof Failure || value instanceof Partial) return [];
  if (value instanceof CedarRecord) {
    return [...value.fields].flatMap(([name, field]) =>
      field instanceof Failure ? [] : [has(node, name), ...pinValue(dot(node, name), field)],
    );
  }
  // Cedar's checker knows no type for the literal of an empty set.
  if (value instanceof CedarSet && value.size === 0) return [{ isEmpty: { arg: node } }];
  const literal = literalOf(value);
  return literal === undefined ? [] : [{ '==': { left: node, right: literal } }];
}

function literalOf(value: Result): CedarJson | undefined {
  if (typeof value === 'string' || typeof value === 'boolean') return { Value: value };
  if (typeof value === 'number') return { Value: value };
  if (value instanceof Decimal) return { decimal: [{ Value: formatDecimal(value) }] };
  if (!(value instanceof CedarSet)) return undefined;
  const elements = [...value].map(literalOf);
  return elements.every((element) => element !== undefined) ? { Set: elements } : undefined;
}

/** The argument is there, and policy cannot read it: all that can be said of it. */
function unseen(names: readonly string[]): Pin {
  return { contains: { left: dot(CONTEXT, 'unmapped'), right: { Value: names.join('.') } } };
}

function read(node: CedarJson, environment: Environment): Result {
  return compileExpression(node, integerOfDouble)(environment);
}

function dot(left: CedarJson, attr: string): CedarJson {
  return { '.': { left, attr } };
}

function has(left: CedarJson, attr: string): CedarJson {
  return { has: { left, attr } };
}

function not(arg: CedarJson): CedarJson {
  return { '!': { arg } };
}

function pathOf(json: CedarJson): string[] | undefined {
  if (typeof json !== 'object' || isArray(json)) return undefined;
  if (typeof json['Var'] === 'string') return [json['Var']];
  if (json['.'] === undefined) return undefined;
  const { left, attr } = asObject(json['.']);
  const before = left === undefined ? undefined : pathOf(left);
  return before === undefined || typeof attr !== 'string' ? undefined : [...before, attr];
}

/** Whether the pins say anything of the call's arguments. */
export function pinsArguments(pins: readonly Pin[]): boolean {
  return pins.some((pin) => JSON.stringify(pin).includes(JSON.stringify(ARGS)));
}
