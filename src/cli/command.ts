import type { ParseArgsOptionDescriptor } from 'node:util';
import type { Terminal } from './terminal.ts';

/** 0 done, 1 refused or failed, 2 used wrongly, 3 the gateway cannot be reached. */
export type ExitCode = 0 | 1 | 2 | 3;
export const DONE = 0;
export const FAILED = 1;
export const MISUSED = 2;
export const UNREACHABLE = 3;

export type Option = ParseArgsOptionDescriptor & {
  about: string;
  /** What stands for its value in help: `<file>`. */
  value?: string;
};

export type Command = {
  /** Positional arguments as help shows them: `<receipt> [more...]`. */
  usage: string;
  /** Least and most positional arguments. */
  arity: readonly [least: number, most: number];
  about: string;
  /** Each a whole line to type, with what it does. At least one. */
  examples: readonly (readonly [line: string, does: string])[];
  options?: Readonly<Record<string, Option>>;
  run(call: Call): Promise<ExitCode>;
};

/** One invocation, parsed. */
export type Call = {
  terminal: Terminal;
  args: readonly string[];
  options: Options;
  json: boolean;
  /** Aborted by the first Ctrl-C, where a command runs until then. */
  signal: AbortSignal;
};

export interface Options {
  text(name: string): string | undefined;
  texts(name: string): readonly string[];
  flag(name: string): boolean;
}

/** Options of every command. */
export const COMMON: Readonly<Record<string, Option>> = {
  config: {
    type: 'string',
    short: 'c',
    value: '<file>',
    about: 'The configuration file. Else the nearest sallyport.yaml.',
  },
  json: { type: 'boolean', about: 'Print JSON, for programs.' },
  help: { type: 'boolean', short: 'h', about: 'Show this.' },
};

/** The command was typed wrongly. Thrown, since only the top can answer: by showing the usage. */
export class UsageError extends Error {}
