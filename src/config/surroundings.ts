import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, isAbsolute, join, resolve } from 'node:path';
import { Secret } from '../core/secret.ts';

/** What a configuration file refers to outside itself. */
export type Surroundings = {
  /** Folder of the file: relative paths start here, wherever the command is typed. */
  folder: string;
  environment: Readonly<Record<string, string | undefined>>;
};

/** `env:NAME` or `file:PATH`, after an optional scheme as in `Bearer env:NAME`. */
const REFERENCE = /^(?:([A-Za-z][A-Za-z-]*) )?(env|file):(\S.*)$/;

export function isReference(text: string): boolean {
  return REFERENCE.test(text);
}

/** The value that a reference means, or a sentence saying why there is none. Never quotes a value. */
export function resolveReference(text: string, { folder, environment }: Surroundings): Secret | string {
  const match = REFERENCE.exec(text);
  if (match === null) return 'a reference looks like env:NAME or file:PATH';
  const [, scheme, kind, name] = match as unknown as [string, string | undefined, string, string];
  const value = kind === 'env' ? environment[name] : readSecretFile(resolve(folder, name));
  if (value === undefined || value === '') {
    return kind === 'env' ? `the environment has no variable ${name}` : `the file ${name} cannot be read, or is empty`;
  }
  return new Secret(scheme === undefined ? value : `${scheme} ${value}`);
}

function readSecretFile(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return undefined;
  }
}

/**
 * `node` means the Node that Sallyport runs on, since the one on the path may be older or missing. `package:NAME` means the
 * program of an npm package installed beside Sallyport, run on that Node: no registry is asked at start.
 */
export function resolveCommand(command: readonly string[], folder: string): string[] | string {
  const [program = '', ...rest] = command;
  if (program === 'node') return [process.execPath, ...rest];
  if (program.startsWith('package:')) {
    const entry = packageProgram(program.slice('package:'.length), folder);
    return entry === undefined
      ? `the package ${program.slice('package:'.length)} is not installed`
      : [process.execPath, entry, ...rest];
  }
  return program.startsWith('.') ? [resolve(folder, program), ...rest] : [program, ...rest];
}

function packageProgram(name: string, folder: string): string | undefined {
  for (const base of [import.meta.url, join(folder, 'sallyport.yaml')]) {
    for (const modules of createRequire(base).resolve.paths(name) ?? []) {
      const manifest = readManifest(join(modules, name, 'package.json'));
      const bin = typeof manifest?.bin === 'string' ? manifest.bin : Object.values(manifest?.bin ?? {})[0];
      if (bin !== undefined) return join(modules, name, bin);
    }
  }
  return undefined;
}

function readManifest(path: string): { bin?: string | Record<string, string> } | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    return undefined;
  }
}

export function absolutePath(path: string, folder: string): string {
  return isAbsolute(path) ? path : resolve(folder, path);
}

export function surroundingsOf(file: string, environment: Surroundings['environment']): Surroundings {
  return { folder: dirname(resolve(file)), environment };
}
