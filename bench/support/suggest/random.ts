/** Chance by seed, so that a figure can be had again. */
export interface Random {
  /** 0 to below 1. */
  next(): number;
  /** 0 to n - 1. */
  below(n: number): number;
  between(low: number, high: number): number;
  chance(p: number): boolean;
  pick<T>(from: readonly T[]): T;
  /** The first far more often than the last. */
  skewed<T>(from: readonly T[], exponent?: number): T;
  sample<T>(from: readonly T[], count: number): T[];
  hex(digits: number): string;
  digits(count: number): string;
  normal(): number;
}

export function randomOf(seed: number): Random {
  let state = (seed * 2_654_435_761) >>> 0;
  // mulberry32
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
  const below = (n: number): number => Math.floor(next() * n);
  const random: Random = {
    next,
    below,
    between: (low, high) => low + below(high - low + 1),
    chance: (p) => next() < p,
    pick: (from) => from[below(from.length)] as never,
    skewed: (from, exponent = 1) => {
      const weights = from.map((_, at) => 1 / (at + 1) ** exponent);
      let left = next() * weights.reduce((sum, weight) => sum + weight, 0);
      const at = weights.findIndex((weight) => {
        left -= weight;
        return left <= 0;
      });
      return from[Math.max(0, at)] as never;
    },
    sample: (from, count) => {
      const rest = [...from];
      return Array.from({ length: Math.min(count, rest.length) }, () => rest.splice(below(rest.length), 1)[0] as never);
    },
    hex: (digits) => Array.from({ length: digits }, () => '0123456789abcdef'[below(16)]).join(''),
    digits: (count) => String(between(10 ** (count - 1), 10 ** count - 1)),
    normal: () => Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next()),
  };
  const between = random.between;
  return random;
}
