import { visibleText } from '../core/visible-text.ts';
import type { Terminal } from './terminal.ts';

/** State has a colour, a shape and a word: colour alone is lost in a pipe and on many eyes. */
const CODES = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33, blue: 34, cyan: 36 } as const;
export type Colour = keyof typeof CODES;

export function paint({ color }: Pick<Terminal, 'color'>, colour: Colour, text: string): string {
  return color ? `\u001b[${CODES[colour]}m${text}\u001b[0m` : text;
}

export const STATE_MARKS = {
  permit: { mark: '✓', colour: 'green' },
  hold: { mark: '…', colour: 'yellow' },
  deny: { mark: '✗', colour: 'red' },
} as const;

/** What policy said of an exchange. While the gateway observed nothing is green, and what was let through says so. */
export function decisionMark({ decision, mode, state }: Marked): { mark: string; colour: Colour; word: string } {
  const known = STATE_MARKS[decision];
  if (mode === 'enforcing') return { ...known, word: decision };
  const word = state === 'refused' || state === 'held' ? decision : `would ${decision}`;
  return { mark: '…', colour: 'yellow', word };
}

type Marked = { decision: keyof typeof STATE_MARKS; mode: 'enforcing' | 'observing'; state: string };

/** Text from elsewhere: unseen characters shown, cut to `width` with its length where it is longer. */
export function foreign(text: string, width = 200): string {
  const seen = visibleText(text);
  return seen.length <= width ? seen : `${seen.slice(0, Math.max(1, width - 1))}…`;
}

/** Words folded to the terminal's width; each line is indented, and keeps what it was indented by itself. */
export function fold(text: string, columns: number | undefined, indent = ''): string {
  const lines = text.split('\n').flatMap((line) => {
    const own = indent + (/^ */.exec(line)?.[0] ?? '');
    return columns === undefined ? [indent + line] : foldLine(line.trimStart(), columns, own);
  });
  return lines.map((line) => line.trimEnd()).join('\n');
}

function foldLine(text: string, columns: number, indent: string): string[] {
  const width = Math.max(20, columns - indent.length);
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(indent + line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  return [...lines, indent + line];
}

/** Columns aligned by two spaces; the last takes what is left of the width. Cells are text from elsewhere. */
export function table(rows: readonly (readonly string[])[], terminal: Pick<Terminal, 'columns' | 'color'>): string {
  const seen = rows.map((row) => row.map((cell) => foreign(cell)));
  const widths = (seen[0] ?? []).map((_, at) => Math.max(...seen.map((row) => row[at]?.length ?? 0)));
  const before = widths.slice(0, -1).reduce((sum, width) => sum + width + 2, 0);
  const room = terminal.columns === undefined ? Number.POSITIVE_INFINITY : Math.max(12, terminal.columns - before);
  const lines = seen.map((row) => {
    const cells = row.map((cell, at) => (at === row.length - 1 ? foreign(cell, room) : cell.padEnd(widths[at] ?? 0)));
    return cells.join('  ').trimEnd();
  });
  const [head = '', ...body] = lines;
  return `${[paint(terminal, 'dim', head), ...body].join('\n')}\n`;
}

/** Facts as `name  value` lines, values folded. */
export function facts(
  pairs: readonly (readonly [string, string])[],
  terminal: Pick<Terminal, 'columns' | 'color'>,
): string {
  const width = Math.max(...pairs.map(([name]) => name.length));
  const lines = pairs.map(([name, value]) => {
    const folded = fold(value, terminal.columns, ' '.repeat(width + 2)).trimStart();
    return `${paint(terminal, 'dim', name.padEnd(width))}  ${folded}`;
  });
  return `${lines.join('\n')}\n`;
}

/** `1.4 ms`, `320 µs`, `2.1 s`. */
export function duration(us: number): string {
  if (us < 1_000) return `${Math.round(us)} µs`;
  if (us < 1_000_000) return `${(us / 1_000).toFixed(us < 10_000 ? 1 : 0)} ms`;
  return `${(us / 1_000_000).toFixed(1)} s`;
}

export function clockTime(ms: number): string {
  return new Date(ms).toTimeString().slice(0, 8);
}

export function dateTime(ms: number): string {
  return new Date(ms).toISOString().replace('T', ' ').slice(0, 19);
}
