export type DiffLine = { kind: 'same' | 'gone' | 'new'; text: string };

/** Beyond it both sides are shown whole: comparing costs the product of their lengths. */
const LINES_MAX = 400;

/** Line by line, by the longest common subsequence: what stays, what goes, what comes. */
export function diffLines(before: string | null, after: string | null): DiffLine[] {
  const old = linesOf(before);
  const now = linesOf(after);
  if (old.length > LINES_MAX || now.length > LINES_MAX) {
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
