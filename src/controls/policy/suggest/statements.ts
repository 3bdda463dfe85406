import { isLike, type Pattern, type Shape } from './shapes.ts';

/** SQL in a text argument: what it does and to which tables is what a statement is known by. */
const STATEMENT = /^\s*(?:select|insert\s+into|update|delete\s+from|with|show|describe|explain)\b/i;
const TABLES = /\b(from|join|into|update)\s+([A-Za-z_"`[][\w."`\]]*)/gi;

export function statementsIn(texts: readonly string[]): boolean {
  return texts.length > 0 && texts.filter((text) => STATEMENT.test(text)).length > texts.length * 0.8;
}

const PATTERNS_MAX = 12;
const GUARDS: readonly Pattern[] = [';', '--', '/*', 'UNION', 'union', 'Union'].map((mark) => ['', mark, '']);

/** `SELECT *FROM orders*` for each verb and row of tables; a second table or a second statement is another kind. */
export function statementPatterns(texts: readonly string[]): Shape | undefined {
  const patterns = new Map<string, Pattern>();
  for (const text of texts) {
    const pattern = patternOf(text);
    if (pattern === undefined) return undefined;
    patterns.set(JSON.stringify(pattern), pattern);
  }
  if (patterns.size === 0 || patterns.size > PATTERNS_MAX) return undefined;
  const guards = [...GUARDS, ...repeats([...patterns.values()])];
  return {
    kind: 'like',
    patterns: [...patterns.values()].sort((a, b) => (a.join() < b.join() ? -1 : 1)),
    without: guards.filter((guard) => !texts.some((text) => isLike(text, guard))),
  };
}

/** The verb with its space, and each `from <table>` as it is written, with wildcards between. */
function patternOf(text: string): Pattern | undefined {
  const verb = /^\s*[A-Za-z]+\s/.exec(text)?.[0];
  if (verb === undefined) return undefined;
  const parts: string[] = [];
  for (const found of text.matchAll(TABLES)) {
    const start = found.index;
    parts.push(text.slice(start, start + found[0].length));
  }
  if (parts.length === 0) return undefined;
  const [first = '', ...rest] = parts;
  const begun = text.startsWith(first) ? [first, ...rest] : [verb, ...parts];
  const last = begun.at(-1) as string;
  // `orders` is not `orders_archive`: what follows the table's name is a space, or nothing.
  return text.endsWith(last)
    ? begun
    : [...begun.slice(0, -1), `${last}${text[text.indexOf(last) + last.length] ?? ''}`, ''];
}

function repeats(patterns: readonly Pattern[]): Pattern[] {
  const words = new Set(
    patterns.flatMap((pattern) => pattern.flatMap((part) => /\b(?:from|join|into)\b/gi.exec(part)?.[0] ?? [])),
  );
  return [...words]
    .flatMap((word): Pattern[] => [['', word, `${word} `, '']])
    .concat([
      ['', ' JOIN ', ''],
      ['', ' join ', ''],
    ]);
}
