import { mkdir, open, readFile, rename, rm, stat, statfs } from 'node:fs/promises';
import { dirname, join } from 'node:path';

/**
 * Where the log publishes: static files that any web server can serve and anyone can copy. Paths are relative, with `/`.
 * Two implementations: a folder, and the simulator's memory that loses what was not durable.
 */
export interface LogFiles {
  read(path: string): Promise<Uint8Array | undefined>;
  /** Bytes of the file; undefined where there is none. */
  size(path: string): Promise<number | undefined>;
  /** Replaces the file as a whole: a reader sees the old or the new one. With `durable`, it survives a power cut. */
  write(path: string, bytes: Uint8Array, options: { durable: boolean }): Promise<void>;
  /** Makes files that were written without `durable` survive a power cut; absent is no error. */
  flush(paths: readonly string[]): Promise<void>;
  /** The file or folder with all below it; absent is no error. */
  remove(path: string): Promise<void>;
  /** Moves a file or folder; absent is no error. */
  move(from: string, to: string): Promise<void>;
  /** Bytes that can still be written. */
  free_bytes(): Promise<number>;
}

/** Files below `folder`, made as needed and readable by the owner only: entries need the auditor's right. */
export function directoryFiles(folder: string): LogFiles {
  const at = (path: string) => join(folder, path);
  const made = new Set<string>();
  const ensure = async (parent: string) => {
    if (made.has(parent)) return;
    await mkdir(parent, { recursive: true, mode: 0o700 });
    // Bounded: a log of a million entries has four thousand folders.
    if (made.size > 1_000) made.clear();
    made.add(parent);
  };
  return {
    read: (path) => readFile(at(path)).catch(absent(undefined)),
    size: async (path) => (await stat(at(path)).catch(absent(undefined)))?.size,
    write: async (path, bytes, { durable }) => {
      await ensure(dirname(at(path)));
      await replace(at(path), bytes, durable);
    },
    flush: async (paths) => {
      for (const path of paths) await flushFile(at(path)).catch(absent(undefined));
      for (const parent of new Set(paths.map((path) => dirname(at(path)))))
        await syncFolder(parent).catch(absent(undefined));
    },
    remove: async (path) => {
      for (const parent of made) if (parent === at(path) || parent.startsWith(`${at(path)}/`)) made.delete(parent);
      await rm(at(path), { recursive: true, force: true });
    },
    move: async (from, to) => {
      made.clear();
      await mkdir(dirname(at(to)), { recursive: true, mode: 0o700 });
      await rename(at(from), at(to)).catch(absent(undefined));
    },
    free_bytes: async () => {
      await ensure(folder);
      const { bavail, bsize } = await statfs(folder);
      return bavail * bsize;
    },
  };
}

let scratch = 0;

async function replace(path: string, bytes: Uint8Array, durable: boolean): Promise<void> {
  scratch += 1;
  const beside = `${path}.${process.pid}.${scratch}.tmp`;
  const file = await open(beside, 'w', 0o600);
  try {
    await file.writeFile(bytes);
    if (durable) await file.datasync();
  } finally {
    await file.close();
  }
  await rename(beside, path);
  if (durable) await syncFolder(dirname(path));
}

async function flushFile(path: string): Promise<void> {
  const file = await open(path, 'r');
  try {
    await file.datasync();
  } finally {
    await file.close();
  }
}

/** Without this the name may still point to the old file after a power cut. Not possible, nor needed, on Windows. */
async function syncFolder(folder: string): Promise<void> {
  if (process.platform === 'win32') return;
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function absent<T>(instead: T): (error: NodeJS.ErrnoException) => T {
  return (error) => {
    if (error.code === 'ENOENT') return instead;
    throw error;
  };
}
