import { asObject, type CedarJson, isArray } from '../cedar/json-values.ts';

/** Reading Cedar's JSON form of expressions, without evaluating it. */
export type Node = { readonly operator: string; readonly body: CedarJson };

/** @returns undefined for what is no node: a list, a plain value. */
export function nodeOf(json: CedarJson): Node | undefined {
  if (typeof json !== 'object' || isArray(json)) return undefined;
  const [entry, ...more] = Object.entries(json);
  return entry === undefined || more.length > 0 ? undefined : { operator: entry[0], body: entry[1] };
}

/** Operands in order: of a node, of a call, of a list. */
export function operandsOf({ operator, body }: Node): CedarJson[] {
  if (operator === 'Value' || operator === 'Var') return [];
  if (isArray(body)) return [...body];
  if (typeof body !== 'object') return [];
  if (operator === 'Record') return Object.values(body);
  const names = ['arg', 'left', 'right', 'if', 'then', 'else', 'in'];
  return names.flatMap((name) => (body[name] === undefined ? [] : [body[name]]));
}

/** Names after the variable `root`: `['args', 'path']` for `context.args.path`. */
export type Chain = { root: string; names: readonly string[]; asked: boolean };

/** @returns undefined where the node is no chain of attributes that begins at a variable. */
export function chainOf(json: CedarJson): Chain | undefined {
  const node = nodeOf(json);
  if (node === undefined) return undefined;
  if (node.operator === 'Var') return { root: String(node.body), names: [], asked: false };
  if (node.operator !== '.' && node.operator !== 'has') return undefined;
  const { left, attr } = asObject(node.body);
  const before = left === undefined ? undefined : chainOf(left);
  if (before === undefined || before.asked) return undefined;
  const names = (isArray(attr) ? attr : [attr]).filter((name) => typeof name === 'string');
  return { root: before.root, names: [...before.names, ...names], asked: node.operator === 'has' };
}

/** Every chain in the expression, each where it is longest. */
export function chainsIn(json: CedarJson): Chain[] {
  const chain = chainOf(json);
  if (chain !== undefined) return [chain];
  const node = nodeOf(json);
  return node === undefined ? [] : operandsOf(node).flatMap(chainsIn);
}

const CONNECTIVES: ReadonlySet<string> = new Set(['&&', '||', '!', 'if-then-else']);

/** The questions that a condition is put together from: what is left without `&&`, `||`, `!` and `if`. */
export function atomsOf(json: CedarJson): CedarJson[] {
  const node = nodeOf(json);
  if (node === undefined || !CONNECTIVES.has(node.operator)) return [json];
  return operandsOf(node).flatMap(atomsOf);
}

/** Literals anywhere in the expression, extension values as the calls that make them, and patterns of `like`. */
export type Literal = { kind: 'value'; json: CedarJson } | { kind: 'pattern'; pattern: CedarJson };

export function literalsIn(json: CedarJson): Literal[] {
  const node = nodeOf(json);
  if (node === undefined) return [];
  if (node.operator === 'Value') return [{ kind: 'value', json: node.body }];
  const inside = operandsOf(node).flatMap(literalsIn);
  if (node.operator !== 'like') return inside;
  const pattern = asObject(node.body)['pattern'];
  return pattern === undefined ? inside : [...inside, { kind: 'pattern', pattern }];
}
