/** Enough of Cedar's lexical grammar to find where policies begin and end, and the integers as they were written. */
export type Token = { kind: 'space' | 'comment' | 'string' | 'integer' | 'name' | 'mark'; start: number; end: number };

const PATTERNS: readonly [Token['kind'], RegExp][] = [
  ['space', /\s+/y],
  ['comment', /\/\/[^\n\r]*/y],
  ['string', /"(?:[^"\\]|\\.)*"?/sy],
  ['integer', /[0-9]+/y],
  ['name', /[A-Za-z_][A-Za-z0-9_]*/y],
  ['mark', /./sy],
];

export function tokenize(text: string): Token[] {
  const tokens: Token[] = [];
  let at = 0;
  while (at < text.length) {
    for (const [kind, pattern] of PATTERNS) {
      pattern.lastIndex = at;
      if (!pattern.test(text)) continue;
      tokens.push({ kind, start: at, end: pattern.lastIndex });
      at = pattern.lastIndex;
      break;
    }
  }
  return tokens;
}

export function integersIn(text: string): bigint[] {
  return tokenize(text).flatMap((token) =>
    token.kind === 'integer' ? [BigInt(text.slice(token.start, token.end))] : [],
  );
}

/** Each policy with where it starts: at its first token, so that comments before it belong to nobody. */
export function splitPolicies(text: string): { start: number; end: number }[] {
  const spans: { start: number; end: number }[] = [];
  let start: number | undefined;
  for (const token of tokenize(text)) {
    if (token.kind === 'space' || token.kind === 'comment') continue;
    start ??= token.start;
    if (token.kind !== 'mark' || text[token.start] !== ';') continue;
    spans.push({ start, end: token.end });
    start = undefined;
  }
  // What follows the last `;` is for the parser to complain of.
  if (start !== undefined) spans.push({ start, end: text.length });
  return spans;
}
