import { tokenize } from '../cedar/lexer.ts';
import { lineStarts, type PolicySource, placeIn } from '../places.ts';
import type { PolicyFile } from '../types.ts';

/** Where in its file something of a policy stands: lines and columns from one. */
export type Place = { file: string; line: number; column: number };

export function placeAt(policy: PolicySource, files: readonly PolicyFile[], offset = 0): Place {
  const text = files.find(({ name }) => name === policy.file)?.text ?? '';
  return { file: policy.file, ...placeIn(lineStarts(text), policy.offset + offset) };
}

export type Span = { start: number; end: number; text: string };

/**
 * The `&&`-ed parts of the conditions as they are written, in the order in which the engine evaluates them; undefined where
 * the author's brackets make that hard to tell.
 */
export function conjunctSpans(policy: PolicySource, count: number): readonly Span[] | undefined {
  const spans = bodies(policy.text).flatMap(({ start, end, negated }) =>
    negated ? [spanOf(policy.text, start, end)] : split(policy.text, start, end),
  );
  return spans.length === count ? spans : undefined;
}

type Body = { start: number; end: number; negated: boolean };

/** What stands between the braces of each `when` and `unless`. */
function bodies(text: string): Body[] {
  const found: Body[] = [];
  let depth = 0;
  let word = '';
  let open: { at: number; negated: boolean } | undefined;
  for (const token of tokenize(text)) {
    if (token.kind === 'space' || token.kind === 'comment') continue;
    const mark = text.slice(token.start, token.end);
    if (mark === '{') {
      if (depth === 0 && (word === 'when' || word === 'unless')) open = { at: token.end, negated: word === 'unless' };
      depth += 1;
    } else if (mark === '}') {
      depth -= 1;
      if (depth === 0 && open !== undefined) {
        found.push({ start: open.at, end: token.start, negated: open.negated });
        open = undefined;
      }
    }
    word = mark;
  }
  return found;
}

/** At each `&&` outside of brackets, unless something that binds less stands there too. */
function split(text: string, start: number, end: number): Span[] {
  const inside = text.slice(start, end);
  const cuts: number[] = [];
  let depth = 0;
  let looser = false;
  for (const token of tokenize(inside)) {
    const mark = inside.slice(token.start, token.end);
    if ('([{'.includes(mark)) depth += 1;
    else if (')]}'.includes(mark)) depth -= 1;
    else if (depth === 0 && mark === 'if') looser = true;
    else if (depth === 0 && mark === '|') looser = true;
    else if (depth === 0 && mark === '&' && inside[token.start + 1] === '&') cuts.push(token.start);
  }
  if (looser || cuts.length === 0) return [spanOf(text, start, end)];
  const edges = [-2, ...cuts, inside.length];
  return edges.slice(0, -1).map((cut, at) => spanOf(text, start + cut + 2, start + (edges[at + 1] as number)));
}

function spanOf(text: string, start: number, end: number): Span {
  const raw = text.slice(start, end);
  const lead = raw.length - raw.trimStart().length;
  const shown = raw.trim().replace(/\s+/g, ' ');
  return { start: start + lead, end: start + raw.trimEnd().length, text: shown };
}

/** Where a name stands as a string in the policy's text; its beginning where it does not. */
export function offsetOf(policy: PolicySource, name: string): number {
  const at = policy.text.indexOf(`::${JSON.stringify(name)}`);
  const start = at < 0 ? at : policy.text.lastIndexOf(' ', at) + 1;
  return Math.max(0, start);
}
