/** Cedar's `like`: literals and wildcards, no character classes; linear in text times literals, no backtracking bomb. */
export type PatternElement = 'Wildcard' | { Literal: string };

export function compilePattern(elements: readonly PatternElement[]): (text: string) => boolean {
  const parts = [''];
  for (const element of elements) {
    if (element === 'Wildcard') parts.push('');
    else parts[parts.length - 1] += element.Literal;
  }
  const head = parts[0] ?? '';
  if (parts.length === 1) return (text) => text === head;
  const tail = parts.at(-1) ?? '';
  const middle = parts.slice(1, -1).filter((part) => part !== '');
  return (text) => {
    if (text.length < head.length + tail.length || !text.startsWith(head) || !text.endsWith(tail)) return false;
    return containsInOrder(text, middle, head.length, text.length - tail.length);
  };
}

/** The leftmost place for each part leaves the most room for the next. */
function containsInOrder(text: string, parts: readonly string[], from: number, end: number): boolean {
  let at = from;
  for (const part of parts) {
    const found = text.indexOf(part, at);
    if (found < 0 || found + part.length > end) return false;
    at = found + part.length;
  }
  return true;
}
