import type { Environment } from '../cedar/environment.ts';
import { compileExpression } from '../cedar/expression.ts';
import { asObject, type CedarJson, isArray } from '../cedar/json-values.ts';
import type { PatternElement } from '../cedar/like.ts';
import { integersOf, type ReadInteger, Uncompilable } from '../cedar/literals.ts';
import { isLong } from '../cedar/long.ts';
import { isValue } from '../cedar/operators.ts';
import type { Value } from '../cedar/values.ts';
import type { PolicySource } from '../places.ts';
import { atomsOf, chainOf, chainsIn, literalsIn, nodeOf, operandsOf } from './expression.ts';
import type { Pool } from './pool.ts';
import { conditionsOf, type Slot } from './slots.ts';

/** One question of a policy, with the slots that its answer depends on. */
export type Atom = {
  json: CedarJson;
  evaluate: (environment: Environment) => unknown;
  slots: readonly Slot[];
  readInteger: ReadInteger;
};

/** @returns undefined where there is one that no closure can be made of. */
export function atomsIn(
  policies: readonly PolicySource[],
  slotsFor: (json: CedarJson) => readonly Slot[],
): Atom[] | undefined {
  const found = new Map<string, Atom>();
  try {
    for (const policy of policies) {
      const readInteger = integersOf(policy.text);
      for (const json of conditionsOf(policy).flatMap(atomsOf)) {
        const key = JSON.stringify(json);
        if (found.has(key)) continue;
        const evaluate = compileExpression(json, readInteger);
        found.set(key, { json, evaluate, slots: slotsFor(json).filter(({ kind }) => kind !== 'record'), readInteger });
      }
    }
  } catch (error) {
    if (error instanceof Uncompilable) return undefined;
    throw error;
  }
  return [...found.values()];
}

/** Puts into `pool` what the atom compares with; what stands fixed in the cell is read from `environment`. */
export function gather({ json, readInteger }: Atom, environment: Environment, pool: Pool): void {
  for (const value of fixedIn(json, environment, readInteger)) pool.add(value);
  for (const literal of literalsIn(json)) {
    if (literal.kind === 'pattern' && isArray(literal.pattern)) {
      pool.addPattern(literal.pattern as readonly PatternElement[]);
    }
  }
  for (const name of constructorsIn(json)) pool.readAs.add(name);
}

const CONSTRUCTORS: ReadonlySet<string> = new Set(['ip', 'decimal', 'datetime', 'duration']);

function constructorsIn(json: CedarJson): string[] {
  const node = nodeOf(json);
  if (node === undefined) return [];
  const own = CONSTRUCTORS.has(node.operator) && chainsIn(json).some(({ root }) => root === 'context');
  return [...(own ? [node.operator] : []), ...operandsOf(node).flatMap(constructorsIn)];
}

/** Values of the largest parts that do not depend on any slot. */
function fixedIn(json: CedarJson, environment: Environment, readInteger: ReadInteger): Value[] {
  const node = nodeOf(json);
  if (node === undefined) return [];
  if (!chainsIn(json).some(({ root }) => root === 'context')) {
    const value = compileExpression(json, readInteger)(environment);
    return isValue(value) ? [value] : [];
  }
  return operandsOf(node).flatMap((operand) => fixedIn(operand, environment, readInteger));
}

type Form =
  | { kind: 'fixed' }
  /** A slot, plainly or read as an extension value. */
  | { kind: 'slot'; slot: Slot; as: string | undefined }
  /** `factor * slot + offset`. */
  | { kind: 'linear'; slot: Slot; factor: bigint; offset: bigint }
  | { kind: 'other' };

const EQUALITY: ReadonlySet<string> = new Set(['==', '!=']);
const ORDER: ReadonlySet<string> = new Set(['<', '<=', '>', '>=']);
const METHODS: ReadonlySet<string> = new Set([
  'lessThan',
  'lessThanOrEqual',
  'greaterThan',
  'greaterThanOrEqual',
  'isInRange',
  'isIpv4',
  'isIpv6',
  'isLoopback',
  'isMulticast',
]);
const ON_SETS: ReadonlySet<string> = new Set(['contains', 'containsAll', 'containsAny', 'isEmpty']);

/** Whether the values of a pool tell all answers of this atom apart. */
export function isUnderstood(atom: Atom, environment: Environment, pool: Pool): boolean {
  const node = nodeOf(atom.json);
  if (node === undefined || atom.slots.length === 0) return true;
  const chain = chainOf(atom.json);
  if (chain !== undefined) return true;
  if (node.operator === 'like') return formOf(asObject(node.body)['left'], atom, environment).kind === 'slot';
  const forms = operandsOf(node).map((operand) => formOf(operand, atom, environment));
  if (forms.some(({ kind }) => kind === 'other')) return false;
  noteTurns(forms, operandsOf(node), environment, atom, pool);
  const isPlain = forms.every(({ kind }) => kind !== 'linear');
  if (EQUALITY.has(node.operator) || ORDER.has(node.operator)) {
    return isPlain ? alike(forms) : forms.filter(({ kind }) => kind !== 'fixed').length === 1;
  }
  if (METHODS.has(node.operator)) return isPlain && alike(forms);
  if (ON_SETS.has(node.operator)) return isPlain;
  // `[…]` and what else has operands: only as a part of the above.
  return false;
}

/** Two slots that are read alike, or a slot and what is fixed. */
function alike(forms: readonly Form[]): boolean {
  const [first, second] = forms.filter((form) => form.kind === 'slot');
  if (first === undefined || second === undefined) return true;
  return (
    first.kind === 'slot' &&
    second.kind === 'slot' &&
    first.as === second.as &&
    first.slot.kind === second.slot.kind &&
    first.slot.kind !== 'set'
  );
}

function formOf(json: CedarJson | undefined, atom: Atom, environment: Environment): Form {
  if (json === undefined) return { kind: 'other' };
  const node = nodeOf(json);
  if (node === undefined || !chainsIn(json).some(({ root }) => root === 'context')) return { kind: 'fixed' };
  const chain = chainOf(json);
  if (chain !== undefined) {
    const slot = slotBehind(json, atom);
    if (slot !== undefined) return { kind: 'slot', slot, as: undefined };
    return readsSlots(json, atom) ? { kind: 'other' } : { kind: 'fixed' };
  }
  if (CONSTRUCTORS.has(node.operator)) {
    const [inner] = operandsOf(node);
    const form = formOf(inner, atom, environment);
    return form.kind === 'slot' && form.as === undefined ? { ...form, as: node.operator } : { kind: 'other' };
  }
  return linearOf(node.operator, operandsOf(node), atom, environment);
}

function linearOf(operator: string, operands: readonly CedarJson[], atom: Atom, environment: Environment): Form {
  const parts = operands.map((operand) => asLinear(formOf(operand, atom, environment), operand, atom, environment));
  const [left, right] = parts;
  if (left === undefined || (operator !== 'neg' && right === undefined)) return { kind: 'other' };
  if (operator === 'neg') return joined(left, undefined, -left.factor, -left.offset);
  if (right === undefined) return { kind: 'other' };
  if (left.slot !== undefined && right.slot !== undefined && left.slot !== right.slot) return { kind: 'other' };
  if (operator === '+') return joined(left, right, left.factor + right.factor, left.offset + right.offset);
  if (operator === '-') return joined(left, right, left.factor - right.factor, left.offset - right.offset);
  if (operator !== '*' || (left.slot !== undefined && right.slot !== undefined)) return { kind: 'other' };
  const [by, of] = left.slot === undefined ? [left.offset, right] : [right.offset, left];
  return joined(left, right, of.factor * by, of.offset * by);
}

type Linear = { slot: Slot | undefined; factor: bigint; offset: bigint };

function joined(left: Linear, right: Linear | undefined, factor: bigint, offset: bigint): Form {
  const slot = left.slot ?? right?.slot;
  return slot === undefined ? { kind: 'other' } : { kind: 'linear', slot, factor, offset };
}

function asLinear(form: Form, json: CedarJson, atom: Atom, environment: Environment): Linear | undefined {
  if (form.kind === 'linear') return form;
  if (form.kind === 'slot') {
    return form.slot.kind === 'long' && form.as === undefined ? { slot: form.slot, factor: 1n, offset: 0n } : undefined;
  }
  if (form.kind === 'other') return undefined;
  const value = compileExpression(json, atom.readInteger)(environment);
  return isLong(value) ? { slot: undefined, factor: 0n, offset: BigInt(value) } : undefined;
}

const LONG_END = 2n ** 63n;

/** Where `factor * slot + offset` meets what it is compared with, or runs over. */
function noteTurns(
  forms: readonly Form[],
  operands: readonly CedarJson[],
  environment: Environment,
  atom: Atom,
  pool: Pool,
): void {
  for (const form of forms) {
    if (form.kind !== 'linear' || form.factor === 0n) continue;
    const ends = [LONG_END, -LONG_END];
    for (const [at, other] of forms.entries()) {
      if (other.kind !== 'fixed') continue;
      const value = compileExpression(operands[at] as CedarJson, atom.readInteger)(environment);
      if (isLong(value)) ends.push(BigInt(value));
    }
    for (const end of ends) {
      const turn = (end - form.offset) / form.factor;
      for (const near of [-1n, 0n, 1n]) pool.longs.add(turn + near);
    }
  }
}

/** The slot that a chain of attributes ends in, exactly. */
function slotBehind(json: CedarJson, atom: Atom): Slot | undefined {
  const chain = chainOf(json);
  if (chain === undefined || chain.asked) return undefined;
  const tail = chain.names.join('\u001f');
  const key = ['args', 'run', 'credential'].includes(chain.names[0] ?? '') ? tail : undefined;
  const dotted = chain.names.join('.');
  return atom.slots.find((slot) => slot.key === key || slot.key === dotted) ?? chainSlot(chain.names, atom);
}

/** Depth and actors are enumerated together. */
function chainSlot(names: readonly string[], atom: Atom): Slot | undefined {
  const known = names[0] === 'chain' && (names[1] === 'depth' || names[1] === 'actors') && names.length === 2;
  const unseen = (names[0] === 'nulls' || names[0] === 'unmapped') && names.length === 1;
  if (unseen) return atom.slots[0];
  return known ? atom.slots.find(({ kind }) => kind === 'chain') : undefined;
}

function readsSlots(json: CedarJson, atom: Atom): boolean {
  return atom.slots.length > 0 && chainsIn(json).some(({ root }) => root === 'context');
}
