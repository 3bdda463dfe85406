import { UsageError } from './command.ts';

const UNITS_MS: Readonly<Record<string, number>> = {
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
};

/** `90s`, `30m`, `2h`, `30d`, `4w`: a length of time in milliseconds. @throws UsageError, naming what to type. */
export function readSpan(text: string, option: string): number {
  const [, count, unit] = /^(\d{1,6})([smhdw])$/.exec(text) ?? [];
  const ms = Number(count) * (UNITS_MS[unit ?? ''] ?? Number.NaN);
  if (!(ms > 0)) throw new UsageError(`${option} takes a length of time: 90s, 30m, 2h, 30d or 4w`);
  return ms;
}

/** So long ago, or at a time (`2026-11-01`, `2026-11-01T08:00Z`): milliseconds since the Unix epoch. @throws UsageError */
export function readSince(text: string, option: string, now: number): number {
  if (!/^\d{4}-/.test(text)) return Math.max(0, now - readSpan(text, option));
  const time = Date.parse(text);
  if (Number.isNaN(time)) throw new UsageError(`${option} takes a length of time (30d) or a time (2026-11-01)`);
  return time;
}
