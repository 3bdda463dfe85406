import { parseArgs } from 'node:util';

export type Dice = {
  /** From 0 to `below` - 1. */
  integer(below: number): number;
  pick<T>(from: readonly T[]): T;
  bytes(length: number): Buffer;
};

/**
 * Runs `one` on dice of successive seeds for `--seconds`. A throw or a case slower than `slow_ms` ends it with exit code 1 and
 * the seed, which `--seed` replays. A hang is caught by the caller's time limit (`.ci/run`), since one thread cannot watch
 * itself; the seed stands in the last line that was printed.
 */
export async function fuzz(name: string, slow_ms: number, one: (dice: Dice) => void | Promise<void>): Promise<void> {
  const { values } = parseArgs({ options: { seconds: { type: 'string' }, seed: { type: 'string' } } });
  const replay = values.seed === undefined ? undefined : Number(values.seed);
  const until = performance.now() + Number(values.seconds ?? '60') * 1_000;
  let seed = replay ?? Date.now() % 2 ** 31;
  const first = seed;
  let cases = 0;
  let reported = performance.now();
  while (performance.now() < until) {
    const started = performance.now();
    try {
      await one(dice(seed));
    } catch (error) {
      console.error(`${name}: seed ${seed} fails: ${error instanceof Error ? error.stack : String(error)}`);
      process.exit(1);
    }
    if (performance.now() - started > slow_ms) {
      console.error(`${name}: seed ${seed} takes ${Math.round(performance.now() - started)} ms, more than ${slow_ms}`);
      process.exit(1);
    }
    cases += 1;
    if (replay !== undefined) break;
    if (performance.now() - reported > 5_000) {
      console.log(`${name}: at seed ${seed}`);
      reported = performance.now();
    }
    seed = (seed + 1) % 2 ** 31;
  }
  console.log(`${name}: ${cases} cases from seed ${first}, no crash, none slower than ${slow_ms} ms`);
}

/** mulberry32: small, and the same everywhere. */
function dice(seed: number): Dice {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (mixed ^ (mixed >>> 14)) >>> 0;
  };
  const integer = (below: number): number => next() % below;
  return {
    integer,
    pick: (from) => from[integer(from.length)]!,
    bytes: (length) => Buffer.from(Array.from({ length: integer(length) + 1 }, () => integer(256))),
  };
}
