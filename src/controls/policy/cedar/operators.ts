import type { EntityStore } from './environment.ts';
import { addLong, isLong, type Long, multiplyLong, negateLong, subtractLong } from './long.ts';
import { Failure, MAYBE_ABSENT, Partial, type Result, UNKNOWN } from './results.ts';
import { Datetime, Duration } from './time.ts';
import { CedarRecord, CedarSet, Entity, equalValues, typeName, type Value } from './values.ts';

/**
 * Operators that evaluate all of their operands. Each checks the case that is right first, so that an operand that failed,
 * or is unknown, costs nothing until it is met.
 */
export type Unary = (operand: Result) => Result;
export type Binary = (left: Result, right: Result) => Result;

export function isValue(result: Result): result is Value {
  return !(result instanceof Failure) && !(result instanceof Partial);
}

function typeError(expected: string, got: Value): Failure {
  return new Failure(`type error: expected ${expected}, got ${typeName(got)}`);
}

/** For an operand that is not of the wanted type: what it is instead decides the result. */
export function rejectOperand(expected: string, operand: Result): Result {
  if (operand instanceof Failure || operand instanceof Partial) return operand instanceof Failure ? operand : UNKNOWN;
  return typeError(expected, operand);
}

type Kind = { name: string; fits: (value: Value) => boolean };
const LONG: Kind = { name: 'long', fits: isLong };
const SET: Kind = { name: 'set', fits: (value) => value instanceof CedarSet };
const ANYTHING: Kind = { name: 'any value', fits: () => true };
const ORDERED: Kind = {
  name: 'long, datetime or duration',
  fits: (value) => isLong(value) || value instanceof Datetime || value instanceof Duration,
};

/** A failing or misfitting operand fails the whole, even beside an unknown one. */
function rejectOperands(left: Result, leftKind: Kind, right: Result, rightKind: Kind = leftKind): Result {
  if (left instanceof Failure) return left;
  if (isValue(left) && !leftKind.fits(left)) return typeError(leftKind.name, left);
  if (right instanceof Failure) return right;
  if (isValue(right) && !rightKind.fits(right)) return typeError(rightKind.name, right);
  return UNKNOWN;
}

function arithmetic(compute: (left: Long, right: Long) => Long | Failure): Binary {
  return (left, right) => {
    if (isLong(left) && isLong(right)) return compute(left, right);
    return rejectOperands(left, LONG, right);
  };
}

export const add = arithmetic(addLong);
export const subtract = arithmetic(subtractLong);
export const multiply = arithmetic(multiplyLong);
export const negate: Unary = (operand) => (isLong(operand) ? negateLong(operand) : rejectOperand('long', operand));

function comparison(compare: (left: Long, right: Long) => boolean): Binary {
  return (left, right) => {
    if (isLong(left) && isLong(right)) return compare(left, right);
    if (left instanceof Datetime && right instanceof Datetime) return compare(left.epoch_ms, right.epoch_ms);
    if (left instanceof Duration && right instanceof Duration) return compare(left.ms, right.ms);
    const rejected = rejectOperands(left, ORDERED, right);
    // Both can be ordered, but not with each other.
    return isValue(left) && isValue(right) && rejected === UNKNOWN ? typeError(typeName(left), right) : rejected;
  };
}

export const less = comparison((left, right) => left < right);
export const lessOrEqual = comparison((left, right) => left <= right);
export const greater = comparison((left, right) => left > right);
export const greaterOrEqual = comparison((left, right) => left >= right);

/** Whoever looks at such a value as a whole looks at what policy cannot see. */
export function hiddenIn(value: Value): Failure | Partial | undefined {
  return value instanceof CedarRecord ? value.hidden : undefined;
}

export const equal: Binary = (left, right) => {
  if (typeof left !== 'object' && typeof right !== 'object') return left === right;
  if (!isValue(left) || !isValue(right)) return rejectOperands(left, ANYTHING, right);
  return hiddenIn(left) ?? hiddenIn(right) ?? equalValues(left, right);
};

export const notEqual: Binary = (left, right) => {
  const result = equal(left, right);
  return typeof result === 'boolean' ? !result : result;
};

export const contains: Binary = (left, right) => {
  if (left instanceof CedarSet && isValue(right)) return hiddenIn(right) ?? left.has(right);
  return rejectOperands(left, SET, right, ANYTHING);
};

function onSets(decide: (left: CedarSet, right: CedarSet) => boolean): Binary {
  return (left, right) => {
    if (left instanceof CedarSet && right instanceof CedarSet) return decide(left, right);
    return rejectOperands(left, SET, right);
  };
}

export const containsAll = onSets((left, right) => [...right].every((element) => left.has(element)));
export const containsAny = onSets((left, right) => [...right].some((element) => left.has(element)));
export const isEmpty: Unary = (operand) =>
  operand instanceof CedarSet ? operand.size === 0 : rejectOperand('set', operand);

/** `left in right`, where right is an entity or a set of nothing but entities. */
export function isIn(left: Result, right: Result, entities: EntityStore): Result {
  if (left instanceof Entity) {
    if (right instanceof Entity) return isWithin(left, right, entities);
    if (right instanceof CedarSet) return isInSet(left, right, entities);
    return rejectOperand('entity or set of entities', right);
  }
  const rejected = rejectOperand('entity', left);
  if (rejected !== UNKNOWN) return rejected;
  return right instanceof Failure ? right : UNKNOWN;
}

export function isWithin(entity: Entity, ancestor: Entity, entities: EntityStore): boolean {
  return entity.key === ancestor.key || (entities.find(entity)?.ancestors.has(ancestor.key) ?? false);
}

function isInSet(entity: Entity, set: CedarSet, entities: EntityStore): Result {
  let found = false;
  for (const element of set) {
    if (!(element instanceof Entity)) return typeError('entity', element);
    found ||= isWithin(entity, element, entities);
  }
  return found;
}

export function getAttribute(from: Result, name: string, entities: EntityStore): Result {
  if (from instanceof CedarRecord) {
    return from.fields.get(name) ?? new Failure(`record does not have the attribute \`${name}\``);
  }
  if (!(from instanceof Entity)) return rejectOperand('record or entity', from);
  const facts = entities.find(from);
  if (facts === undefined) return new Failure(`entity \`${from.type}::"${from.id}"\` does not exist`);
  return facts.attributes.get(name) ?? new Failure(`\`${from.type}::"${from.id}"\` has no attribute \`${name}\``);
}

export function hasAttribute(from: Result, name: string, entities: EntityStore): Result {
  if (from instanceof CedarRecord) {
    const field = from.fields.get(name);
    if (field === MAYBE_ABSENT) return UNKNOWN;
    return field instanceof Failure ? field : field !== undefined;
  }
  if (from instanceof Entity) return entities.find(from)?.attributes.has(name) ?? false;
  return rejectOperand('record or entity', from);
}

export function getTag(from: Result, name: Result, entities: EntityStore): Result {
  if (!(from instanceof Entity) || typeof name !== 'string') return rejectTag(from, name);
  const facts = entities.find(from);
  if (facts === undefined) return new Failure(`entity \`${from.type}::"${from.id}"\` does not exist`);
  return facts.tags.get(name) ?? new Failure(`\`${from.type}::"${from.id}"\` has no tag \`${name}\``);
}

export function hasTag(from: Result, name: Result, entities: EntityStore): Result {
  if (!(from instanceof Entity) || typeof name !== 'string') return rejectTag(from, name);
  return entities.find(from)?.tags.has(name) ?? false;
}

function rejectTag(from: Result, name: Result): Result {
  if (!(from instanceof Entity)) {
    const rejected = rejectOperand('entity', from);
    if (rejected !== UNKNOWN) return rejected;
  }
  return typeof name === 'string' ? UNKNOWN : rejectOperand('string', name);
}
