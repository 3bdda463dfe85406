import type { Value } from './values.ts';

/**
 * An evaluation that went wrong, as a value: throwing would cost microseconds on every policy that asks for an attribute
 * which is not there, and an agent chooses its attributes. `unmapped` marks the read of an argument that policy cannot see.
 */
export class Failure {
  readonly kind: 'error' | 'unmapped';
  readonly message: string;
  constructor(message: string, kind: 'error' | 'unmapped' = 'error') {
    this.message = message;
    this.kind = kind;
  }
}

/** What a boolean that is not known may still turn out to be: a union of these bits. */
export const MAY_BE_TRUE = 1;
export const MAY_BE_FALSE = 2;
export const MAY_FAIL = 4;

/** A result that depends on what is unknown. Made by `partial` only, so never empty and never certain. */
export class Partial {
  readonly mask: number;
  constructor(mask: number) {
    this.mask = mask;
  }
}

export type Result = Value | Failure | Partial;

const PARTIALS = [0, 1, 2, 3, 4, 5, 6, 7].map((mask) => new Partial(mask));
const CERTAIN_FAILURE = new Failure('fails whatever the unknown values are');

/** A value of which nothing is known, not even that reading it succeeds. */
export const UNKNOWN = PARTIALS[MAY_BE_TRUE | MAY_BE_FALSE | MAY_FAIL] as Partial;

/**
 * Stands in a record for a field that is not known to be there, nor to be readable. Only an analysis makes such records; a request has its
 * arguments or has them not.
 */
export const MAYBE_ABSENT = new Partial(MAY_BE_TRUE | MAY_BE_FALSE | MAY_FAIL);

export function fromMask(mask: number): Result {
  if (mask === MAY_BE_TRUE) return true;
  if (mask === MAY_BE_FALSE) return false;
  if (mask === MAY_FAIL) return CERTAIN_FAILURE;
  return PARTIALS[mask] ?? UNKNOWN;
}

/** What `result` may be where a boolean is wanted; anything that cannot be one fails there. */
export function maskOf(result: Result): number {
  if (result === true) return MAY_BE_TRUE;
  if (result === false) return MAY_BE_FALSE;
  return result instanceof Partial ? result.mask : MAY_FAIL;
}
