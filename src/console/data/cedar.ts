export type CedarKind =
  | 'text'
  | 'comment'
  | 'annotation'
  | 'effect'
  | 'keyword'
  | 'variable'
  | 'entity'
  | 'member'
  | 'string'
  | 'number'
  | 'operator';

/** In this order: the first that matches at a place is what stands there. */
const FORMS: readonly (readonly [CedarKind, RegExp])[] = [
  ['text', /\s+/y],
  ['comment', /\/\/[^\n]*/y],
  ['annotation', /@[A-Za-z_]\w*/y],
  ['string', /"(?:[^"\\\n]|\\.)*"?/y],
  ['number', /\d+/y],
  ['entity', /[A-Z_a-z]\w*(?=\s*::)/y],
  ['effect', /\b(?:permit|forbid)\b/y],
  ['keyword', /\b(?:when|unless|if|then|else|in|has|like|is|true|false)\b/y],
  ['variable', /\b(?:principal|action|resource|context)\b/y],
  ['member', /\b[A-Za-z_]\w*/y],
  ['operator', /[=!<>]=|&&|\|\||::|[<>!+\-*?]/y],
];

/** What stands at `at`, and how long it is; one character of text where nothing is known. */
export function cedarTokenAt(text: string, at: number): { kind: CedarKind; length: number } {
  for (const [kind, form] of FORMS) {
    form.lastIndex = at;
    const found = form.exec(text);
    if (found !== null) return { kind, length: found[0].length };
  }
  return { kind: 'text', length: 1 };
}

export type CedarToken = { at: number; kind: CedarKind; text: string };

/** A policy's text in pieces, neighbours of one kind as one. */
export function cedarTokens(text: string): CedarToken[] {
  const tokens: CedarToken[] = [];
  for (let at = 0; at < text.length; ) {
    const { kind, length } = cedarTokenAt(text, at);
    const last = tokens.at(-1);
    const piece = text.slice(at, at + length);
    if (last?.kind === kind) last.text += piece;
    else tokens.push({ at, kind, text: piece });
    at += length;
  }
  return tokens;
}

/**
 * The condition of one policy as a single expression: all of its `when`, none of its `unless`. Undefined where it has none.
 * Strings and comments are told apart, so a brace in a value ends nothing.
 */
export function conditionOf(policy: string): string | undefined {
  const parts: string[] = [];
  let clause: { negated: boolean; depth: number; text: string } | undefined;
  for (const { kind, text } of cedarTokens(policy)) {
    if (kind === 'comment') continue;
    if (clause === undefined) {
      if (kind === 'keyword' && (text === 'when' || text === 'unless')) {
        clause = { negated: text === 'unless', depth: 0, text: '' };
      }
      continue;
    }
    for (const each of kind === 'text' ? text : [text]) {
      if (each === '}') clause.depth -= 1;
      if (clause !== undefined && clause.depth > 0) clause.text += each;
      if (each === '{') clause.depth += 1;
      if (each === '}' && clause.depth === 0) {
        parts.push(clause.negated ? `!(${clause.text.trim()})` : clause.text.trim());
        clause = undefined;
        break;
      }
    }
  }
  if (parts.length === 0) return undefined;
  return parts.map((part) => (parts.length === 1 ? part : `(${part})`)).join(' && ');
}
