import type { Closure } from './environment.ts';
import { EXTENSION_FUNCTIONS } from './extensions.ts';
import { asObject, type CedarJson, isArray, valueFromJson } from './json-values.ts';
import { compilePattern, type PatternElement } from './like.ts';
import { type ReadInteger, Uncompilable } from './literals.ts';
import * as operators from './operators.ts';
import {
  Failure,
  fromMask,
  MAY_BE_FALSE,
  MAY_BE_TRUE,
  MAY_FAIL,
  maskOf,
  Partial,
  type Result,
  UNKNOWN,
} from './results.ts';
import { CedarRecord, CedarSet, Entity, type Value } from './values.ts';

type Compile = (expression: CedarJson | undefined) => Closure;
type Node = { readonly [key: string]: CedarJson };

/**
 * Cedar's JSON form of expressions, to closures. One closure per node: nothing is parsed or looked up per request.
 * @throws Uncompilable where a node is not known. `readInteger` knows the digits of the policy's text.
 */
export function compileExpression(expression: CedarJson, readInteger: ReadInteger): Closure {
  const compile: Compile = (inner) => compileExpression(asObject(inner), readInteger);
  const [operator, body, ...more] = Object.entries(asObject(expression)).flat() as [string, CedarJson, ...unknown[]];
  if (operator === undefined || more.length > 0) throw new Uncompilable('a node has one operator');
  if (operator === 'Value') return constant(valueFromJson(body, readInteger));
  if (operator === 'Var') return variable(body);
  if (operator === 'Set' && isArray(body)) return fold(body, compileSet(body.map(compile)));
  const node = asObject(isArray(body) ? {} : body);
  if (operator === 'Record') return fold(Object.values(node), compileRecord(node, compile));
  const form = FORMS.get(operator);
  if (form !== undefined) return form(node, compile);
  const extension = EXTENSION_FUNCTIONS.get(operator);
  if (extension === undefined || !isArray(body)) throw new Uncompilable(`unknown operator ${operator}`);
  const operands = body.map(compile);
  return fold(body, (environment) => extension(operands.map((operand) => operand(environment))));
}

function constant(value: Result): Closure {
  return () => value;
}

/** Literals of sets, records and extension values are made once where nothing in them depends on the request. */
function fold(parts: readonly CedarJson[], closure: Closure): Closure {
  if (!parts.every(isConstant)) return closure;
  let value: Result | undefined;
  return (environment) => {
    value ??= closure(environment);
    return value;
  };
}

function isConstant(json: CedarJson): boolean {
  const [operator, body] = Object.entries(asObject(json))[0] ?? ['', {}];
  if (operator === 'Value') return true;
  if (operator === 'Record') return Object.values(asObject(body)).every(isConstant);
  return (operator === 'Set' || EXTENSION_FUNCTIONS.has(operator)) && isArray(body) && body.every(isConstant);
}

function variable(name: CedarJson): Closure {
  if (name === 'principal') return (environment) => environment.principal;
  if (name === 'action') return (environment) => environment.action;
  if (name === 'resource') return (environment) => environment.resource;
  if (name === 'context') return (environment) => environment.context;
  throw new Uncompilable('an unknown variable');
}

function compileSet(elements: readonly Closure[]): Closure {
  return (environment) => {
    const values: Value[] = [];
    let unknown = false;
    for (const element of elements) {
      const value = element(environment);
      if (value instanceof Failure) return value;
      if (value instanceof Partial) unknown = true;
      else {
        const hidden = operators.hiddenIn(value);
        if (hidden !== undefined) return hidden;
        values.push(value);
      }
    }
    return unknown ? UNKNOWN : new CedarSet(values);
  };
}

function compileRecord(node: Node, compile: Compile): Closure {
  const parts = Object.entries(node).map(([name, field]): [string, Closure] => [name, compile(field)]);
  return (environment) => {
    const fields = new Map<string, Value>();
    let unknown = false;
    let hidden: Failure | Partial | undefined;
    for (const [name, part] of parts) {
      const value = part(environment);
      if (value instanceof Failure) return value;
      if (value instanceof Partial) unknown = true;
      else {
        hidden ??= operators.hiddenIn(value);
        fields.set(name, value);
      }
    }
    return unknown ? UNKNOWN : new CedarRecord(fields, hidden);
  };
}

function unary(operator: operators.Unary): (node: Node, compile: Compile) => Closure {
  return (node, compile) => {
    const operand = compile(node['arg']);
    return (environment) => operator(operand(environment));
  };
}

function binary(operator: operators.Binary): (node: Node, compile: Compile) => Closure {
  return (node, compile) => {
    const left = compile(node['left']);
    const right = compile(node['right']);
    return (environment) => operator(left(environment), right(environment));
  };
}

function text(json: CedarJson | undefined): string {
  if (typeof json !== 'string') throw new Uncompilable('a name was expected');
  return json;
}

function compileNot(node: Node, compile: Compile): Closure {
  const operand = compile(node['arg']);
  return (environment) => {
    const value = operand(environment);
    if (typeof value === 'boolean') return !value;
    if (!(value instanceof Partial)) return operators.rejectOperand('bool', value);
    const swapped = ((value.mask & MAY_BE_TRUE) << 1) | ((value.mask & MAY_BE_FALSE) >> 1);
    return fromMask(swapped | (value.mask & MAY_FAIL));
  };
}

/** `stop` is the left value that settles it: false for `&&`, true for `||`. */
function shortCircuit(stop: boolean): (node: Node, compile: Compile) => Closure {
  const stopBit = stop ? MAY_BE_TRUE : MAY_BE_FALSE;
  const goBit = stop ? MAY_BE_FALSE : MAY_BE_TRUE;
  return (node, compile) => {
    const left = compile(node['left']);
    const right = compile(node['right']);
    return (environment) => {
      const first = left(environment);
      if (first === stop) return stop;
      if (first === !stop) return asBoolean(right(environment));
      if (!(first instanceof Partial)) return operators.rejectOperand('bool', first);
      const rest = first.mask & goBit ? maskOf(right(environment)) : 0;
      return fromMask((first.mask & (stopBit | MAY_FAIL)) | rest);
    };
  };
}

/** Where Cedar wants a boolean: a failure stays itself, an unknown stays unknown, another type is an error. */
export function asBoolean(value: Result): Result {
  if (typeof value === 'boolean' || value instanceof Partial) return value;
  return operators.rejectOperand('bool', value);
}

function compileIf(node: Node, compile: Compile): Closure {
  const test = compile(node['if']);
  const yes = compile(node['then']);
  const no = compile(node['else']);
  return (environment) => {
    const chosen = test(environment);
    if (chosen === true) return yes(environment);
    if (chosen === false) return no(environment);
    if (!(chosen instanceof Partial)) return operators.rejectOperand('bool', chosen);
    return eitherOf(
      chosen.mask,
      () => yes(environment),
      () => no(environment),
    );
  };
}

function eitherOf(mask: number, yes: () => Result, no: () => Result): Result {
  let either = mask & MAY_FAIL;
  for (const [bit, branch] of [
    [MAY_BE_TRUE, yes],
    [MAY_BE_FALSE, no],
  ] as const) {
    if ((mask & bit) === 0) continue;
    const value = branch();
    // A value of another type than boolean may be what the surrounding expression wants.
    if (operators.isValue(value) && typeof value !== 'boolean') return UNKNOWN;
    either |= maskOf(value);
  }
  return fromMask(either);
}

function compileAttribute(node: Node, compile: Compile): Closure {
  const from = compile(node['left']);
  const name = text(node['attr']);
  return (environment) => operators.getAttribute(from(environment), name, environment.entities);
}

/** `has a.b.c` asks for each step in turn, and is false at the first that is missing. */
function compileHas(node: Node, compile: Compile): Closure {
  const from = compile(node['left']);
  const attr = node['attr'];
  const path = isArray(attr) ? attr.map(text) : [text(attr)];
  return (environment) => {
    let value = from(environment);
    for (const [at, name] of path.entries()) {
      const has = operators.hasAttribute(value, name, environment.entities);
      if (has !== true || at === path.length - 1) return has;
      value = operators.getAttribute(value, name, environment.entities);
    }
    return UNKNOWN;
  };
}

function compileLike(node: Node, compile: Compile): Closure {
  const subject = compile(node['left']);
  if (!isArray(node['pattern'])) throw new Uncompilable('a pattern was expected');
  const matches = compilePattern(node['pattern'] as readonly PatternElement[]);
  return (environment) => {
    const value = subject(environment);
    return typeof value === 'string' ? matches(value) : operators.rejectOperand('string', value);
  };
}

function compileIs(node: Node, compile: Compile): Closure {
  const subject = compile(node['left']);
  const type = text(node['entity_type']);
  const within = node['in'] === undefined ? undefined : compile(node['in']);
  return (environment) => {
    const value = subject(environment);
    if (!(value instanceof Entity)) return operators.rejectOperand('entity', value);
    if (value.type !== type || within === undefined) return value.type === type;
    return operators.isIn(value, within(environment), environment.entities);
  };
}

function withStore(
  operator: (left: Result, right: Result, entities: Parameters<typeof operators.isIn>[2]) => Result,
): (node: Node, compile: Compile) => Closure {
  return (node, compile) => {
    const left = compile(node['left']);
    const right = compile(node['right']);
    return (environment) => operator(left(environment), right(environment), environment.entities);
  };
}

const FORMS: ReadonlyMap<string, (node: Node, compile: Compile) => Closure> = new Map([
  ['!', compileNot],
  ['neg', unary(operators.negate)],
  ['isEmpty', unary(operators.isEmpty)],
  ['==', binary(operators.equal)],
  ['!=', binary(operators.notEqual)],
  ['<', binary(operators.less)],
  ['<=', binary(operators.lessOrEqual)],
  ['>', binary(operators.greater)],
  ['>=', binary(operators.greaterOrEqual)],
  ['+', binary(operators.add)],
  ['-', binary(operators.subtract)],
  ['*', binary(operators.multiply)],
  ['contains', binary(operators.contains)],
  ['containsAll', binary(operators.containsAll)],
  ['containsAny', binary(operators.containsAny)],
  ['in', withStore(operators.isIn)],
  ['getTag', withStore(operators.getTag)],
  ['hasTag', withStore(operators.hasTag)],
  ['&&', shortCircuit(false)],
  ['||', shortCircuit(true)],
  ['if-then-else', compileIf],
  ['.', compileAttribute],
  ['has', compileHas],
  ['like', compileLike],
  ['is', compileIs],
]);
