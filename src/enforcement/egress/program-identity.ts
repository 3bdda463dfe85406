import { hash } from 'node:crypto';
import { constants } from 'node:fs';
import { access, readdir, readFile, realpath, stat } from 'node:fs/promises';
import { delimiter, dirname, isAbsolute, join, relative, resolve, sep } from 'node:path';
import { Secret } from '../../core/secret.ts';
import type { Program } from './launch.ts';

/**
 * What a program is, so far as files tell: the executable, the script that it is given, and the installed package of that
 * script. What it loads from elsewhere (its dependencies, the network) is not in it; docs/decisions/0070 says why.
 */
export type ProgramIdentity = {
  executable: string;
  /** SHA-256, hex. Null for the gateway's own Node, which is trusted as the gateway is, and changes with it. */
  executable_digest: string | null;
  script: string | null;
  script_digest: string | null;
  package: { name: string; version: string; files: number; digest: string; whole: boolean } | null;
  /** All words of the command: they may hold what nobody else is to read. */
  arguments_digest: string;
  cwd: string | null;
};

const FILES_MAX = 4_096;
const BYTES_MAX = 64 * 1024 * 1024;
const EXECUTABLE_BYTES_MAX = 512 * 1024 * 1024;

export async function identifyProgram(
  { command, env, cwd }: Omit<Program, 'output'>,
  environment: Readonly<Record<string, string>>,
): Promise<ProgramIdentity> {
  const [word = '', ...words] = command;
  const paths = env['PATH'] instanceof Secret ? env['PATH'].reveal() : (env['PATH'] ?? environment['PATH'] ?? '');
  const executable = await resolveExecutable(word, cwd ?? '.', paths);
  const script = await scriptOf(words, cwd ?? '.');
  return {
    executable,
    executable_digest:
      executable === (await real(process.execPath)) ? null : await digestFile(executable, EXECUTABLE_BYTES_MAX),
    script,
    script_digest: script === null ? null : await digestFile(script, BYTES_MAX),
    package: script === null ? null : await packageOf(script),
    arguments_digest: hash('sha256', JSON.stringify(command), 'hex'),
    cwd: cwd ?? null,
  };
}

async function resolveExecutable(word: string, cwd: string, paths: string): Promise<string> {
  if (word.includes('/') || isAbsolute(word)) return real(resolve(cwd, word));
  for (const folder of paths.split(delimiter)) {
    const path = join(folder, word);
    if (folder !== '' && (await isExecutable(path))) return real(path);
  }
  return word;
}

async function isExecutable(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}

/** The first word that is no option and names a file: what an interpreter is given to run. */
async function scriptOf(words: readonly string[], cwd: string): Promise<string | null> {
  const word = words.find((one) => !one.startsWith('-'));
  if (word === undefined) return null;
  const path = resolve(cwd, word);
  const found = await stat(path).catch(() => undefined);
  return found?.isFile() === true ? real(path) : null;
}

function real(path: string): Promise<string> {
  return realpath(path).catch(() => path);
}

/** @returns null where it cannot be read, or is larger: then starting it fails, or its path is all that is known. */
async function digestFile(path: string, bytes_max: number): Promise<string | null> {
  const found = await stat(path).catch(() => undefined);
  if (found === undefined || found.size > bytes_max) return null;
  const bytes = await readFile(path).catch(() => undefined);
  return bytes === undefined ? null : hash('sha256', bytes, 'hex');
}

/** Only of what was installed: a folder that somebody works in changes all the time, and its script is digested anyway. */
async function packageOf(script: string): Promise<ProgramIdentity['package']> {
  if (!script.includes(`${sep}node_modules${sep}`)) return null;
  for (let folder = dirname(script); !folder.endsWith(`${sep}node_modules`); folder = dirname(folder)) {
    const text = await readFile(join(folder, 'package.json'), 'utf8').catch(() => undefined);
    const { name, version } = parseManifest(text);
    if (name !== undefined) return { name, version: version ?? '', ...(await digestFolder(folder)) };
    if (folder === dirname(folder)) break;
  }
  return null;
}

function parseManifest(text: string | undefined): { name?: string; version?: string } {
  try {
    return text === undefined ? {} : (JSON.parse(text) as { name?: string; version?: string });
  } catch {
    return {};
  }
}

/** Every file by path and content, in order, within bounds; `whole: false` where there is more than they allow. */
async function digestFolder(folder: string): Promise<{ files: number; digest: string; whole: boolean }> {
  const lines: string[] = [];
  let bytes = 0;
  for (const path of await filesBelow(folder)) {
    const size = (await stat(path).catch(() => undefined))?.size ?? 0;
    if (lines.length === FILES_MAX || bytes + size > BYTES_MAX) return { ...summary(lines), whole: false };
    bytes += size;
    lines.push(`${relative(folder, path)} ${await digestFile(path, BYTES_MAX)}`);
  }
  return { ...summary(lines), whole: true };
}

function summary(lines: readonly string[]) {
  return { files: lines.length, digest: hash('sha256', lines.join('\n'), 'hex') };
}

async function filesBelow(folder: string): Promise<string[]> {
  const found: string[] = [];
  const folders = [folder];
  for (let next = folders.pop(); next !== undefined && found.length <= FILES_MAX; next = folders.pop()) {
    for (const entry of await readdir(next, { withFileTypes: true }).catch(() => [])) {
      if (entry.isDirectory() && entry.name !== 'node_modules') folders.push(join(next, entry.name));
      else if (entry.isFile()) found.push(join(next, entry.name));
    }
  }
  return found.sort();
}
