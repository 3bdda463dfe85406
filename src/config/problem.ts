/** One thing wrong with a configuration file: where it stands, what was expected there, and what stood there. */
export type ConfigProblem = {
  file: string;
  /** From 1; 0 where the file itself is the problem. */
  line: number;
  column: number;
  /** Keys down to the value, `upstreams.files.command`; empty for the whole file. */
  path: string;
  expected: string;
  found: string;
  /** What to type, where it can be guessed. */
  hint?: string;
};

/** `sallyport.yaml:4:3 listen.agent: expected a known key, found "agent". Did you mean agents?` */
export function describeProblem(problem: ConfigProblem): string {
  const place = problem.line === 0 ? problem.file : `${problem.file}:${problem.line}:${problem.column}`;
  const path = problem.path === '' ? '' : ` ${problem.path}:`;
  const hint = problem.hint === undefined ? '' : `. ${problem.hint}`;
  return `${place}${path} expected ${problem.expected}, found ${problem.found}${hint}`;
}

/** What stood there, in a few words. Long text is cut, and text where a secret belongs is not repeated at all. */
export function describeFound(value: unknown, secret: boolean): string {
  if (value === undefined) return 'nothing';
  if (value === null) return 'nothing (null)';
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (typeof value === 'object') return 'a map';
  if (secret) return 'text that is not repeated here';
  const text = JSON.stringify(value);
  return text.length > 60 ? `${text.slice(0, 57)}…` : text;
}

/** The known name nearest to a misspelt one, if it is near enough to be meant. */
export function nearest(name: string, known: readonly string[]): string | undefined {
  const ranked = known.map((candidate) => ({ candidate, distance: distance(name.toLowerCase(), candidate) }));
  ranked.sort((a, b) => a.distance - b.distance);
  const best = ranked[0];
  return best !== undefined && best.distance <= Math.max(2, Math.floor(name.length / 3)) ? best.candidate : undefined;
}

/** Levenshtein's distance, one row at a time. Names are cut: a file may hold a key of a megabyte. */
function distance(a: string, b: string): number {
  const left = a.slice(0, 80);
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= left.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const swap = row[j - 1]! + (left[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(swap, row[j]! + 1, next[j - 1]! + 1));
    }
    row = next;
  }
  return row[b.length]!;
}
