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
};

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
  };
}
