import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { main } from '../../src/cli/main.ts';
import type { Terminal } from '../../src/cli/terminal.ts';

type RunOptions = {
  columns?: number;
  folder?: string;
  input?: string;
  /** Called with what a command prints, while it goes on. */
  printed?: (text: string) => void;
};

/** Runs a command line in this process, on a terminal that keeps what is shown. */
export async function run(
  argv: readonly string[],
  { columns, folder, input = '', printed }: RunOptions = {},
): Promise<{ code: number; out: string; err: string }> {
  let out = '';
  let err = '';
  const terminal: Terminal = {
    write: (text) => {
      out += text;
      printed?.(text);
    },
    note: (text) => {
      err += text;
    },
    columns,
    color: false,
    interactive: false,
    ask: async () => {
      throw new Error('asked a question where nobody can answer');
    },
    input: async () => input,
  };
  const before = process.cwd();
  process.chdir(folder ?? mkdtempSync(join(tmpdir(), 'sallyport-cli-')));
  try {
    return { code: await main(argv, terminal), out, err };
  } finally {
    process.chdir(before);
  }
}
