import type { PolicyFile } from '../types.ts';

/**
 * The difference of two folders as a unified diff, which `patch -p1` and `git apply` take. Lines are compared exactly; where
 * two files differ in more than can be compared quickly, one is replaced by the other whole, which is as true.
 */
const CONTEXT_LINES = 3;
/** Cells of the table of common lines: some milliseconds. */
const CELLS_MAX = 4_000_000;
const NO_NEWLINE = '\\ No newline at end of file';

export function patchOf(before: readonly PolicyFile[], after: readonly PolicyFile[]): string {
  const old = new Map(before.map(({ name, text }) => [name, text]));
  const now = new Map(after.map(({ name, text }) => [name, text]));
  const names = [...new Set([...old.keys(), ...now.keys()])].sort();
  return names
    .filter((name) => old.get(name) !== now.get(name))
    .map((name) => filePatch(name, old.get(name), now.get(name)))
    .join('');
}

function filePatch(name: string, before: string | undefined, after: string | undefined): string {
  const head = `--- ${before === undefined ? '/dev/null' : `a/${name}`}\n+++ ${after === undefined ? '/dev/null' : `b/${name}`}\n`;
  return head + hunksOf(editsOf(linesOf(before ?? ''), linesOf(after ?? '')));
}

/** Each line with its end, so that one without shows. */
function linesOf(text: string): string[] {
  return text.split(/(?<=\n)/).filter((line) => line !== '');
}

type Edit = { kind: ' ' | '-' | '+'; line: string };

function editsOf(before: readonly string[], after: readonly string[]): Edit[] {
  let start = 0;
  while (start < before.length && start < after.length && before[start] === after[start]) start += 1;
  let end = 0;
  const rest = Math.min(before.length, after.length) - start;
  while (end < rest && before[before.length - 1 - end] === after[after.length - 1 - end]) end += 1;
  const same = (line: string): Edit => ({ kind: ' ', line });
  return [
    ...before.slice(0, start).map(same),
    ...changed(before.slice(start, before.length - end), after.slice(start, after.length - end)),
    ...before.slice(before.length - end).map(same),
  ];
}

/** By the longest common subsequence of lines. */
function changed(before: readonly string[], after: readonly string[]): Edit[] {
  const removed = before.map((line): Edit => ({ kind: '-', line }));
  const added = after.map((line): Edit => ({ kind: '+', line }));
  const width = after.length + 1;
  if ((before.length + 1) * width > CELLS_MAX) return [...removed, ...added];
  const common = new Uint32Array((before.length + 1) * width);
  const at = (i: number, j: number): number => common[i * width + j] as number;
  for (let i = before.length - 1; i >= 0; i -= 1) {
    for (let j = after.length - 1; j >= 0; j -= 1) {
      common[i * width + j] = before[i] === after[j] ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1));
    }
  }
  const edits: Edit[] = [];
  let i = 0;
  let j = 0;
  while (i < before.length || j < after.length) {
    if (i < before.length && j < after.length && before[i] === after[j]) {
      edits.push({ kind: ' ', line: before[i] as string });
      i += 1;
      j += 1;
    } else if (i < before.length && (j === after.length || at(i + 1, j) >= at(i, j + 1))) {
      edits.push(removed[i] as Edit);
      i += 1;
    } else {
      edits.push(added[j] as Edit);
      j += 1;
    }
  }
  return edits;
}

function hunksOf(edits: readonly Edit[]): string {
  const hunks: string[] = [];
  const old = { line: 1 };
  const now = { line: 1 };
  let at = 0;
  while (at < edits.length) {
    const first = edits.findIndex(({ kind }, index) => index >= at && kind !== ' ');
    if (first < 0) break;
    const from = Math.max(at, first - CONTEXT_LINES);
    const to = hunkEnd(edits, first);
    old.line += from - at;
    now.line += from - at;
    const part = edits.slice(from, to);
    const counts = { old: count(part, '+'), now: count(part, '-') };
    hunks.push(`@@ -${range(old.line, counts.old)} +${range(now.line, counts.now)} @@\n${part.map(lineOf).join('')}`);
    old.line += counts.old;
    now.line += counts.now;
    at = to;
  }
  return hunks.join('');
}

/** Changes with fewer lines between them than twice the context are told together. */
function hunkEnd(edits: readonly Edit[], first: number): number {
  let last = first;
  for (let at = first; at < edits.length && at - last <= 2 * CONTEXT_LINES; at += 1) {
    if (edits[at]?.kind !== ' ') last = at;
  }
  return Math.min(edits.length, last + 1 + CONTEXT_LINES);
}

/** Lines of one side: those that are not only on the other. */
function count(part: readonly Edit[], other: '+' | '-'): number {
  return part.filter(({ kind }) => kind !== other).length;
}

/** An empty side stands after the line before it. */
function range(line: number, count: number): string {
  return `${count === 0 ? line - 1 : line},${count}`;
}

function lineOf({ kind, line }: Edit): string {
  return line.endsWith('\n') ? kind + line : `${kind}${line}\n${NO_NEWLINE}\n`;
}
