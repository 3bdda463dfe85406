import { watch } from 'node:fs';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../../core/clock.ts';
import { FILE_BYTES_MAX, FILES_MAX } from './source.ts';
import type { PolicyFile, PolicyProblem } from './types.ts';

export type FolderRead = { files: readonly PolicyFile[]; problems: readonly PolicyProblem[] };

const utf8 = new TextDecoder('utf-8', { fatal: true });

/** The `*.cedar` files directly in the folder, sorted by name. A file that cannot be read whole is a problem, not absent. */
export async function loadPolicies(folder: string, extension = '.cedar'): Promise<FolderRead> {
  const files: PolicyFile[] = [];
  const problems: PolicyProblem[] = [];
  const fail = (file: string, message: string): void =>
    void problems.push({ severity: 'error', file, line: 1, column: 1, policy: undefined, message, help: undefined });
  let names: string[];
  try {
    names = await readdir(folder);
  } catch (error) {
    fail('.', `the folder of policies cannot be read: ${codeOf(error)}`);
    return { files, problems };
  }
  const wanted = names.filter((name) => name.endsWith(extension) && !name.startsWith('.')).sort();
  if (wanted.length > FILES_MAX) fail('.', `more than ${FILES_MAX} files`);
  for (const name of wanted.slice(0, FILES_MAX)) {
    const text = await readText(join(folder, name));
    if (text instanceof Error) fail(name, `the file cannot be read: ${codeOf(text)}`);
    else files.push({ name, text });
  }
  return { files, problems };
}

async function readText(path: string): Promise<string | Error> {
  try {
    const { size } = await stat(path);
    if (size > FILE_BYTES_MAX) return new Error(`larger than ${FILE_BYTES_MAX} bytes`);
    return utf8.decode(await readFile(path));
  } catch (error) {
    return error instanceof TypeError ? new Error('not valid UTF-8') : (error as Error);
  }
}

function codeOf(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  return code ?? message;
}

/** An editor writes several files, or one in several steps; what is read between is nobody's intention. */
const SETTLE_MS = 300;
/** Network disks and mounted secrets tell nothing of changes. */
const POLL_MS = 2_000;
/** Policies with their cases, and the entities beside those of other applications. */
const WATCHED = /\.(?:cedar|json|test\.yaml)$/;

/** Calls `changed` when names, sizes or times of the folder's policies differ. The returned function ends it. */
export function watchFolder(folder: string, clock: Clock, changed: () => void): () => void {
  let seen: string | undefined;
  let ended = false;
  let cancel: () => void = () => {};
  const look = async (): Promise<void> => {
    const now = await fingerprint(folder);
    if (ended) return;
    const before = seen;
    seen = now;
    schedule(POLL_MS);
    if (before !== undefined && before !== now) changed();
  };
  const schedule = (delay_ms: number): void => {
    cancel();
    cancel = clock.after(delay_ms, () => void look());
  };
  const stopEvents = watchEvents(folder, () => schedule(SETTLE_MS));
  void look();
  return () => {
    ended = true;
    cancel();
    stopEvents();
  };
}

/** Events only hurry the poll: a folder that cannot be watched is polled. */
function watchEvents(folder: string, happened: () => void): () => void {
  try {
    const watcher = watch(folder, { persistent: false }, happened);
    watcher.on('error', () => watcher.close());
    return () => watcher.close();
  } catch {
    return () => {};
  }
}

async function fingerprint(folder: string): Promise<string> {
  try {
    const names = (await readdir(folder)).filter((name) => WATCHED.test(name)).sort();
    const facts = await Promise.all(names.map(async (name) => ({ name, facts: await stat(join(folder, name)) })));
    return facts.map(({ name, facts: { size, mtimeMs, ino } }) => `${name} ${size} ${mtimeMs} ${ino}`).join('\n');
  } catch (error) {
    return codeOf(error);
  }
}
