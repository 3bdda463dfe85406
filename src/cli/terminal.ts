import { createInterface } from 'node:readline/promises';
import { Writable } from 'node:stream';
import { terminalPreferences } from '../config/environment.ts';

/** Where a command prints. Results go to `write`, everything else (progress, warnings, errors) to `note`. */
export type Terminal = {
  write(text: string): void;
  note(text: string): void;
  /** Width to fold to; undefined in a pipe, where nothing is folded. */
  columns: number | undefined;
  color: boolean;
  /** Whether somebody can answer a question. */
  interactive: boolean;
  /** `hidden`: what is typed is not shown. */
  ask(question: string, hidden: boolean): Promise<string>;
  /** What is piped in, without the line break at its end; at most `INPUT_BYTES_MAX`. */
  input(): Promise<string>;
};

const INPUT_BYTES_MAX = 64 * 1024;

export function processTerminal(): Terminal {
  const { color, columns } = terminalPreferences();
  const { stdin, stdout, stderr } = process;
  // A reader that closes early (`| head`) ends us as Ctrl-C does: quietly, and after cleaning up.
  let unread = false;
  stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    unread = true;
    if (!process.emit('SIGINT')) process.exit(0);
  });
  return {
    write: (text) => void (unread || stdout.write(text)),
    note: (text) => void stderr.write(text),
    columns: stdout.isTTY ? (columns ?? stdout.columns) : columns,
    color: color ?? stdout.isTTY === true,
    interactive: stdin.isTTY === true && stderr.isTTY === true,
    ask: async (question, hidden) => {
      const silent = new Writable({ write: (_chunk, _encoding, done) => done() });
      const lines = createInterface({ input: stdin, output: hidden ? silent : stderr, terminal: true });
      if (hidden) stderr.write(question);
      try {
        return (await lines.question(hidden ? '' : question)).trim();
      } finally {
        lines.close();
        if (hidden) stderr.write('\n');
      }
    },
    input: () => readAll(stdin),
  };
}

async function readAll(stdin: AsyncIterable<Uint8Array>): Promise<string> {
  const parts: Uint8Array[] = [];
  let bytes = 0;
  for await (const part of stdin) {
    bytes += part.length;
    if (bytes > INPUT_BYTES_MAX) throw new Error(`more than ${INPUT_BYTES_MAX} bytes on standard input`);
    parts.push(part);
  }
  return Buffer.concat(parts)
    .toString('utf8')
    .replace(/\r?\n$/, '');
}
