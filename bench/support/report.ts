import { cpus } from 'node:os';

/** What one subject did; units are in the names. */
export type Figures = Record<string, number>;

/** A figure that an issue asks for, and whether it holds. */
export type Bar = { what: string; value: number; holds: boolean } & ({ at_least: number } | { at_most: number });

export type Report = { name: string; machine: string; results: Record<string, Figures>; bars: Bar[] };

export function atLeast(what: string, value: number, at_least: number): Bar {
  return { what, value: rounded(value), at_least, holds: value >= at_least };
}

export function atMost(what: string, value: number, at_most: number): Bar {
  return { what, value: rounded(value), at_most, holds: value <= at_most };
}

export function machine(): string {
  const all = cpus();
  return `${all.length} x ${all[0]?.model ?? 'unknown'}, Node ${process.versions.node}, ${process.platform}`;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  if (sorted.length % 2 === 1) return sorted[middle] as number;
  return ((sorted[middle - 1] as number) + (sorted[middle] as number)) / 2;
}

export function rounded(value: number): number {
  return Number(value.toPrecision(4));
}

/** Medians of each figure over rounds, with the spread of those that have one. */
export function medians(rounds: readonly Figures[]): Figures {
  const out: Figures = {};
  for (const name of Object.keys(rounds[0] ?? {})) {
    const values = rounds.map((round) => round[name] ?? Number.NaN);
    out[name] = rounded(median(values));
    if (name === 'rps') {
      out['rps_min'] = rounded(Math.min(...values));
      out['rps_max'] = rounded(Math.max(...values));
    }
  }
  return out;
}
