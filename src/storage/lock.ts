import { DatabaseSync } from 'node:sqlite';

export type ProcessLock = { release(): void };

/**
 * Keeps a folder for one process, by an exclusive lock of SQLite's on a file of its own: the operating system gives it back
 * however the process ends. Two gateways on one data folder would be one replica twice, and the newer one would silence
 * the older. Undefined where another process holds it.
 */
export function lockExclusively(path: string): ProcessLock | undefined {
  const file = new DatabaseSync(path);
  try {
    file.exec('pragma locking_mode = exclusive; pragma journal_mode = delete; begin exclusive;');
  } catch {
    file.close();
    return undefined;
  }
  return { release: () => file.close() };
}
