import { Failure } from './results.ts';

/**
 * Cedar's Long: 64 bits, signed, and overflow is an error. A JavaScript number within 2^53, a bigint beyond, never both
 * for one value, so that `===` compares them.
 */
export type Long = number | bigint;

const LONG_MIN = -(2n ** 63n);
const LONG_MAX = 2n ** 63n - 1n;

export function isLong(value: unknown): value is Long {
  return typeof value === 'number' || typeof value === 'bigint';
}

/** @returns undefined where 64 bits do not hold it. */
export function normalizeLong(value: bigint): Long | undefined {
  if (value < LONG_MIN || value > LONG_MAX) return undefined;
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}

function checked(value: bigint, operation: string): Long | Failure {
  return normalizeLong(value) ?? new Failure(`integer overflow in ${operation}`);
}

// Where the double result of the fast path is a safe integer it is exact: rounding never brings a result that is beyond
// 2^53 back below it. `+ 0` turns -0 into 0.
export function addLong(left: Long, right: Long): Long | Failure {
  if (typeof left === 'number' && typeof right === 'number') {
    const sum = left + right;
    if (Number.isSafeInteger(sum)) return sum;
  }
  return checked(BigInt(left) + BigInt(right), 'addition');
}

export function subtractLong(left: Long, right: Long): Long | Failure {
  if (typeof left === 'number' && typeof right === 'number') {
    const difference = left - right;
    if (Number.isSafeInteger(difference)) return difference;
  }
  return checked(BigInt(left) - BigInt(right), 'subtraction');
}

export function multiplyLong(left: Long, right: Long): Long | Failure {
  if (typeof left === 'number' && typeof right === 'number') {
    const product = left * right;
    if (Number.isSafeInteger(product)) return product + 0;
  }
  return checked(BigInt(left) * BigInt(right), 'multiplication');
}

export function negateLong(value: Long): Long | Failure {
  return typeof value === 'number' ? 0 - value : checked(-value, 'negation');
}

/** Toward zero, as Rust divides. `divisor` is positive. */
export function divideLong(value: Long, divisor: number): Long {
  if (typeof value === 'number') return Math.trunc(value / divisor) + 0;
  return normalizeLong(value / BigInt(divisor)) ?? 0;
}

/** The remainder that is never negative. `divisor` is positive. */
export function moduloLong(value: Long, divisor: number): number {
  if (typeof value === 'number') return (((value % divisor) + divisor) % divisor) + 0;
  const modulus = BigInt(divisor);
  return Number(((value % modulus) + modulus) % modulus);
}
