import { readFileSync } from 'node:fs';
import { visibleText } from '../core/visible-text.ts';
import { type Command, DONE, type ExitCode, FAILED, MISUSED, UsageError } from './command.ts';
import { commandHelp, groupHelp, overview } from './help.ts';
import { chooseCommand, parseCall } from './parse.ts';
import { processTerminal, type Terminal } from './terminal.ts';

/** Runs one command line. The exit code is returned, so that output is flushed before the process ends. */
export async function main(argv: readonly string[], terminal: Terminal = processTerminal()): Promise<ExitCode> {
  const chosen = chooseCommand(argv);
  switch (chosen.kind) {
    case 'none':
      return withoutCommand(argv, terminal);
    case 'group':
      terminal.write(groupHelp(chosen.word, terminal));
      return argv.length > 1 ? DONE : MISUSED;
    case 'unknown': {
      const hint = chosen.meant === undefined ? 'See: sallyport --help' : `Did you mean: sallyport ${chosen.meant}`;
      terminal.note(`sallyport: there is no command ${visibleText(chosen.word)}. ${hint}\n`);
      return MISUSED;
    }
    case 'command':
      return runCommand(chosen.entry.name, await chosen.entry.load(), chosen.rest, terminal);
  }
}

async function withoutCommand(argv: readonly string[], terminal: Terminal): Promise<ExitCode> {
  const [first] = argv;
  if (first === '--version' || first === '-v') {
    terminal.write(`${version()}\n`);
    return DONE;
  }
  if (first === '--help' || first === '-h') {
    terminal.write(overview(terminal));
    return DONE;
  }
  const { overviewOfHere } = await import('./commands/here.ts');
  return runCommand('', overviewOfHere, argv, terminal);
}

async function runCommand(
  name: string,
  command: Command,
  argv: readonly string[],
  terminal: Terminal,
): Promise<ExitCode> {
  const interrupt = new AbortController();
  const onSignal = interruptOnce(interrupt);
  try {
    const { args, options } = parseCall(command, argv);
    if (options.flag('help')) {
      terminal.write(commandHelp(name, command, terminal));
      return DONE;
    }
    process.on('SIGINT', onSignal).on('SIGTERM', onSignal);
    return await command.run({ terminal, args, options, json: options.flag('json'), signal: interrupt.signal });
  } catch (error) {
    if (error instanceof UsageError) {
      terminal.note(`sallyport ${name}: ${visibleText(error.message)}\nUsage: sallyport ${name} ${command.usage}\n`);
      terminal.note(`See: sallyport ${name} --help\n`.replace('  ', ' '));
      return MISUSED;
    }
    const told = error instanceof Error ? error.message : String(error);
    terminal.note(`sallyport ${name}: ${visibleText(told)}\n`);
    return FAILED;
  } finally {
    process.removeListener('SIGINT', onSignal).removeListener('SIGTERM', onSignal);
  }
}

const IMPATIENT_MS = 1_000;

/** The first signal asks to end cleanly, a later one ends at once. Two of one moment are one: the launcher passes it on too. */
function interruptOnce(interrupt: AbortController): () => void {
  let first: number | undefined;
  return () => {
    if (first !== undefined && performance.now() - first > IMPATIENT_MS) process.exit(130);
    first ??= performance.now();
    interrupt.abort();
  };
}

/** From package.json, two levels above both src/cli and dist/cli. */
export function version(): string {
  const manifest: { version: string } = JSON.parse(
    readFileSync(new URL('../../package.json', import.meta.url), 'utf8'),
  );
  return manifest.version;
}
