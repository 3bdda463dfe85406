import type { SqlValue } from './database.ts';

/** @throws TypeError for a value that the two databases would keep differently. */
export function checkValues(values: readonly SqlValue[], expected: number): void {
  if (values.length !== expected) throw new TypeError(`the statement takes ${expected} values, got ${values.length}`);
  for (let at = 0; at < expected; at++) {
    const problem = problemOf(values[at]);
    if (problem !== undefined) throw new TypeError(`value $${at + 1} ${problem}`);
  }
}

function problemOf(value: SqlValue | undefined): string | undefined {
  switch (typeof value) {
    case 'string':
      // PostgreSQL has no NUL in text; a lone surrogate would be stored as another character than was given.
      if (!value.isWellFormed() || value.includes('\0')) return 'is text that cannot be stored as it is';
      return undefined;
    case 'number':
      if (Number.isSafeInteger(value) || (Number.isFinite(value) && !Number.isInteger(value))) return undefined;
      return 'is a number that cannot be kept exactly';
    case 'object':
      if (value === null || value instanceof Uint8Array) return undefined;
      return 'is an object, not bytes';
    default:
      return `is ${typeof value}`;
  }
}
