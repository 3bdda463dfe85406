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
