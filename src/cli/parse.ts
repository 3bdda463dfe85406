import { parseArgs } from 'node:util';
import { nearest } from '../core/nearest.ts';
import { COMMON, type Command, type Options, UsageError } from './command.ts';
import { COMMANDS, type Entry } from './commands.ts';

export type Chosen =
  | { kind: 'command'; entry: Entry; rest: readonly string[] }
  | { kind: 'group'; word: string }
  | { kind: 'none' }
  | { kind: 'unknown'; word: string; meant: string | undefined };

/** The command with the longest name that the first words make: `agent add` before `agent`. */
export function chooseCommand(argv: readonly string[]): Chosen {
  const [first, second] = argv;
  if (first === undefined || first.startsWith('-')) return { kind: 'none' };
  const two = COMMANDS.find(({ name }) => name === `${first} ${second ?? ''}`);
  if (two !== undefined) return { kind: 'command', entry: two, rest: argv.slice(2) };
  const one = COMMANDS.find(({ name }) => name === first);
  if (one !== undefined) return { kind: 'command', entry: one, rest: argv.slice(1) };
  const members = COMMANDS.filter(({ name }) => name.startsWith(`${first} `));
  if (members.length > 0 && (second === undefined || second.startsWith('-'))) return { kind: 'group', word: first };
  const word = members.length > 0 ? `${first} ${second}` : first;
  const names = COMMANDS.flatMap(({ name }) => [name, name.split(' ')[0]!]);
  return { kind: 'unknown', word, meant: nearest(word, names) };
}

export type Parsed = { args: readonly string[]; options: Options };

/** @throws UsageError with a sentence that names what was wrong. */
export function parseCall(command: Command, argv: readonly string[]): Parsed {
  const known = { ...command.options, ...COMMON };
  const parsed = strict(
    () => parseArgs({ args: [...argv], options: known, allowPositionals: true, strict: true }),
    argv,
    Object.keys(known),
  );
  const [least, most] = command.arity;
  const given = parsed.positionals.length;
  if (given < least && parsed.values['help'] !== true) throw new UsageError(`Missing: ${command.usage}`);
  if (given > most) throw new UsageError(`Too much: ${JSON.stringify(parsed.positionals[most])}`);
  const values: Readonly<Record<string, unknown>> = parsed.values;
  return { args: parsed.positionals, options: optionsOf(values) };
}

function strict<T>(parse: () => T, argv: readonly string[], known: readonly string[]): T {
  try {
    return parse();
  } catch (error) {
    const code = (error as { code?: string }).code ?? '';
    if (!code.startsWith('ERR_PARSE_ARGS')) throw error;
    const wrong = argv.find((word) => word.startsWith('--') && !known.includes(word.slice(2).split('=')[0]!));
    const meant = wrong === undefined ? undefined : nearest(wrong.slice(2), known);
    const first = (error as Error).message.split('. ')[0] ?? '';
    throw new UsageError(meant === undefined ? first : `${first}. Did you mean --${meant}?`);
  }
}

function optionsOf(values: Readonly<Record<string, unknown>>): Options {
  return {
    text: (name) => (typeof values[name] === 'string' ? values[name] : undefined),
    texts: (name) => (Array.isArray(values[name]) ? values[name].map(String) : []),
    flag: (name) => values[name] === true,
  };
}
