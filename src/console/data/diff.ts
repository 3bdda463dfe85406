export type DiffLine = { kind: 'same' | 'gone' | 'new'; text: string };

/** Beyond it both sides are shown whole: comparing costs the product of their lengths. */
const PARTS_MAX = 400;

/** Line by line, by the longest common subsequence: what stays, what goes, what comes. */
export function diffLines(before: string | null, after: string | null): DiffLine[] {
  return compare(linesOf(before), linesOf(after));
}

/** The same word by word, and character by character where there are no words; neighbours of one kind are one. */
export function diffWords(before: string, after: string): DiffLine[] {
  const joined: DiffLine[] = [];
  for (const { kind, text } of compare(wordsOf(before), wordsOf(after))) {
    const last = joined.at(-1);
    if (last?.kind === kind) last.text += text;
    else joined.push({ kind, text });
  }
  return joined;
}

function compare(before: readonly string[], after: readonly string[]): DiffLine[] {
  const head = commonStart(before, after);
  const tail = commonStart(before.slice(head).reverse(), after.slice(head).reverse());
  return [
    ...before.slice(0, head).map((text) => line('same', text)),
    ...compareMiddle(before.slice(head, before.length - tail), after.slice(head, after.length - tail)),
    ...before.slice(before.length - tail).map((text) => line('same', text)),
  ];
}

function commonStart(a: readonly string[], b: readonly string[]): number {
  const length = Math.min(a.length, b.length);
  for (let at = 0; at < length; at += 1) if (a[at] !== b[at]) return at;
  return length;
}

function compareMiddle(old: readonly string[], now: readonly string[]): DiffLine[] {
  if (old.length > PARTS_MAX || now.length > PARTS_MAX) {
    return [...old.map((text) => line('gone', text)), ...now.map((text) => line('new', text))];
  }
  const common = commonLengths(old, now);
  const lines: DiffLine[] = [];
  let i = 0;
  let j = 0;
  while (i < old.length || j < now.length) {
    if (i < old.length && j < now.length && old[i] === now[j]) {
      lines.push(line('same', old[i]!));
      i += 1;
      j += 1;
    } else if (j >= now.length || (i < old.length && common[i + 1]![j]! >= common[i]![j + 1]!)) {
      lines.push(line('gone', old[i]!));
      i += 1;
    } else {
      lines.push(line('new', now[j]!));
      j += 1;
    }
  }
  return lines;
}

function wordsOf(text: string): string[] {
  return text.match(/\s+|[\p{L}\p{N}\p{M}_]+|./gsu) ?? [];
}

function line(kind: DiffLine['kind'], text: string): DiffLine {
  return { kind, text };
}

function linesOf(text: string | null): string[] {
  return text === null ? [] : text.trim().split(/\r?\n/);
}

/** Length of the longest common subsequence of what follows `i` and `j`. */
function commonLengths(old: readonly string[], now: readonly string[]): number[][] {
  const table = Array.from({ length: old.length + 1 }, () => new Array<number>(now.length + 1).fill(0));
  for (let i = old.length - 1; i >= 0; i -= 1) {
    for (let j = now.length - 1; j >= 0; j -= 1) {
      const here = old[i] === now[j] ? table[i + 1]![j + 1]! + 1 : Math.max(table[i + 1]![j]!, table[i]![j + 1]!);
      table[i]![j] = here;
    }
  }
  return table;
}
