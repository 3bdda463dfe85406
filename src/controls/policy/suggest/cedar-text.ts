/**
 * Recorded values become Cedar text here and nowhere else. They are strangers' text: whatever is not plain is written as
 * an escape, so that no value ends its literal, begins a comment, or turns the line around for whoever reads it.
 */
const PLAIN = /^[\x20-\x7e]$|^\p{Script=Latin}$/u;
const IDENTIFIER = /^[A-Za-z_][A-Za-z0-9_]*$/;
const RESERVED: ReadonlySet<string> = new Set([
  'true',
  'false',
  'if',
  'then',
  'else',
  'in',
  'is',
  'like',
  'has',
  '__cedar',
]);

/** A string literal, quotes included. @throws on a lone surrogate, which Cedar's text cannot hold. */
export function cedarString(text: string): string {
  return `"${escaped(text)}"`;
}

/** A pattern literal; a star of the text is not a wildcard. */
export function cedarPattern(parts: readonly string[]): string {
  return `"${parts.map((part) => escaped(part).replaceAll('*', '\\*')).join('*')}"`;
}

function escaped(text: string): string {
  if (!text.isWellFormed()) throw new RangeError('a lone surrogate has no form in Cedar');
  let out = '';
  for (const character of text) {
    if (character === '"' || character === '\\') out += `\\${character}`;
    else if (PLAIN.test(character)) out += character;
    else out += `\\u{${(character.codePointAt(0) as number).toString(16)}}`;
  }
  return out;
}

/** `context.args.filter.name`, or `context.args["a b"]`. */
export function cedarPath(path: readonly string[]): string {
  return path.reduce(
    (before, name) => (isPlainName(name) ? `${before}.${name}` : `${before}[${cedarString(name)}]`),
    'context.args',
  );
}

/** Whether the call gives the argument: every record on the way, and the argument itself. */
export function cedarHas(path: readonly string[]): string {
  return path
    .map((name, at) => `${cedarPath(path.slice(0, at))} has ${isPlainName(name) ? name : cedarString(name)}`)
    .join(' && ');
}

function isPlainName(name: string): boolean {
  return IDENTIFIER.test(name) && !RESERVED.has(name);
}

/** Four places, as Cedar's decimals have them; at least one is written. */
export function cedarDecimal(number: number): string {
  return `decimal("${number.toFixed(4).replace(/(\.\d+?)0+$/, '$1')}")`;
}

/** For annotations that people read: one line, plain characters, at most `max` of them. */
export function plainSentence(text: string, max: number): string {
  let out = '';
  for (const character of text) out += PLAIN.test(character) ? character : '\u00b7';
  return out.length <= max ? out : `${out.slice(0, max - 1)}\u2026`;
}
