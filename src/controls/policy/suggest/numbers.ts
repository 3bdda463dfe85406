import type { Shape } from './shapes.ts';

/** A bound that is reached again and again is one that somebody set. */
const TIES_FOR_A_LIMIT = 3;

/**
 * From the smallest to the largest number seen, each with what the tail beyond it makes likely: the highest quarter's mean
 * excess says how fast the tail falls (an exponential tail; on a logarithmic scale where the numbers spread over more than an order of magnitude).
 * @param chance that is aimed at: of a later number lying beyond the bound.
 */
export function rangeOf(numbers: readonly number[], isInteger: boolean, chance: number): Shape | undefined {
  if (numbers.length === 0) return undefined;
  const sorted = [...numbers].sort((a, b) => a - b);
  const [least = 0] = sorted;
  const most = sorted.at(-1) as number;
  const low =
    least >= 0
      ? Math.min(least, isInteger && least >= 1 ? 1 : 0)
      : -upperBound(sorted.map((x) => -x).reverse(), chance);
  const high = upperBound(sorted, chance);
  if (!Number.isFinite(high) || !Number.isFinite(low)) return undefined;
  return {
    kind: 'range',
    low: written(Math.min(low, least), isInteger, Math.floor),
    high: written(Math.max(high, most), isInteger, Math.ceil),
  };
}

function upperBound(sorted: readonly number[], chance: number): number {
  const most = sorted.at(-1) as number;
  const ties = sorted.filter((x) => x === most).length;
  if (ties >= TIES_FOR_A_LIMIT && ties >= sorted.length * 0.02) return most;
  const isWide = (sorted[0] as number) > 0 && most > 10 * (sorted[sorted.length >> 1] as number);
  if (!isWide) return rounder(most + tail(sorted, chance));
  return rounder(Math.exp(Math.log(most) + tail(sorted.map(Math.log), chance)));
}

/** Of as few numbers, the size of the largest is all that is known. */
const FEW = 4;

function tail(sorted: readonly number[], chance: number): number {
  const n = sorted.length;
  if (n < FEW) return Math.abs(sorted.at(-1) as number);
  const from = Math.floor(n * 0.75);
  const threshold = sorted[Math.max(0, from - 1)] as number;
  const excess = sorted.slice(from).reduce((sum, x) => sum + (x - threshold), 0) / Math.max(1, n - from);
  return excess * Math.max(0, Math.log(1 / ((n + 1) * chance)));
}

/** Up to two digits, so that a person reads 550 and not 547.31. */
function rounder(bound: number): number {
  if (bound <= 0) return bound;
  const unit = 10 ** (Math.floor(Math.log10(bound)) - 1);
  return Number((Math.ceil(bound / unit) * unit).toPrecision(12));
}

function written(bound: number, isInteger: boolean, towards: (x: number) => number): number {
  return isInteger ? towards(bound) : towards(bound * 10_000) / 10_000;
}

/**
 * Numbers that count upwards over the runs, or never repeat and are long, name something; to bound them would break tomorrow's run.
 */
export function looksLikeNames(numbers: readonly number[], isInteger: boolean): boolean {
  if (numbers.length < 5) return false;
  const distinct = new Set(numbers).size;
  const smallest = Math.min(...numbers);
  if (isInteger && distinct > numbers.length * 0.9 && smallest >= 1_000) {
    const spread = Math.max(...numbers) / Math.max(1, smallest);
    if (spread < 100 && numbers.every((x) => x % 10 === 0 || x % 25 === 0) === false) return true;
  }
  return distinct > 10 && risesWithTime(numbers);
}

/** Spearman's rank correlation with the order of the calls. */
function risesWithTime(numbers: readonly number[]): boolean {
  const order = numbers.map((x, at) => [x, at] as const).sort((a, b) => a[0] - b[0]);
  const n = numbers.length;
  let squares = 0;
  order.forEach(([, at], rank) => {
    squares += (at - rank) ** 2;
  });
  return 1 - (6 * squares) / (n * (n * n - 1)) > 0.9;
}
