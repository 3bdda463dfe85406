const UNITS = { m: 60, h: 3_600, d: 86_400 } as const;

/** `90m`, `2h`, `1d` as seconds; undefined for anything else. The same words as `--for` at the command line. */
export function spanSeconds(text: string): number | undefined {
  const match = /^(\d{1,5})\s*([mhd])$/.exec(text.trim());
  if (match === null) return undefined;
  const seconds = Number(match[1]) * UNITS[match[2] as keyof typeof UNITS];
  return seconds > 0 ? seconds : undefined;
}

/** The other way round, in whole units. */
export function spanWord(seconds: number): string {
  if (seconds % 86_400 === 0) return `${seconds / 86_400}d`;
  if (seconds % 3_600 === 0) return `${seconds / 3_600}h`;
  return `${Math.round(seconds / 60)}m`;
}
