/**
 * `$1` to SQLite's `?1`, outside of literals, quoted names and comments, so that both databases read one text. Done once
 * for each text, since prepared statements are kept.
 */
const PIECES = /'(?:[^']|'')*'|"(?:[^"]|"")*"|--[^\n]*|\/\*[\s\S]*?\*\/|\$(\d+)/g;

export type StatementText = {
  /** For SQLite. */
  text: string;
  /** How many values it needs. Too few would silently bind NULL, so drivers check. */
  values: number;
  /** Whether it certainly only reads. */
  reads: boolean;
};

export function readStatement(source: string): StatementText {
  const numbers = [...source.matchAll(PIECES)].flatMap(([, number]) => (number === undefined ? [] : Number(number)));
  // SQLite looks numbered values up one by one, which for an insert of many rows costs more than the insert.
  const inOrder = numbers.every((number, at) => number === at + 1);
  const text = source.replace(PIECES, (piece, number: string | undefined) => {
    if (number === undefined) return piece;
    return inOrder ? '?' : `?${number}`;
  });
  return { text, values: Math.max(0, ...numbers), reads: onlyReads(source) };
}

/** Errs towards writing; the reading connection is opened read-only besides. */
function onlyReads(source: string): boolean {
  if (/^\s*(?:select|values)\b/i.test(source)) return !/\bfor\s+(?:no\s+key\s+)?(?:update|share)\b/i.test(source);
  return /^\s*with\b/i.test(source) && !/\b(?:insert|update|delete)\b/i.test(source);
}
