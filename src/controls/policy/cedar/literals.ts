import { integersIn } from './lexer.ts';
import { type Long, normalizeLong } from './long.ts';

/** What this evaluator has no closures for; cedar-wasm evaluates the policy instead. */
export class Uncompilable extends Error {}

/** What a number of the JSON form stands for. */
export type ReadInteger = (double: number) => Long;

/** In data a double is the integer that it is exactly. */
export function integerOfDouble(double: number): Long {
  if (Number.isSafeInteger(double)) return double;
  const long = Number.isInteger(double) ? normalizeLong(BigInt(double)) : undefined;
  if (long === undefined) throw new Uncompilable(`${double} is not a 64-bit integer`);
  return long;
}

/**
 * cedar-wasm's JSON form carries 64-bit integers as doubles, so `9223372036854775807` arrives rounded. The digits stand in
 * the policy's text: the one integer there that rounds to the same double is it; where two do, nobody can tell.
 */
function exactLong(rounded: number, sourceIntegers: readonly bigint[]): Long {
  const candidates = new Set<Long>();
  for (const integer of sourceIntegers) {
    const signed = rounded < 0 ? -integer : integer;
    const long = normalizeLong(signed);
    if (Number(signed) === rounded && long !== undefined) candidates.add(long);
  }
  const [only] = candidates;
  if (candidates.size !== 1 || only === undefined) throw new Uncompilable(`an integer near ${rounded} is ambiguous`);
  return only;
}

export function integersOf(source: string): ReadInteger {
  let integers: readonly bigint[] | undefined;
  return (double) => {
    if (Number.isSafeInteger(double)) return double;
    integers ??= integersIn(source);
    return exactLong(double, integers);
  };
}
