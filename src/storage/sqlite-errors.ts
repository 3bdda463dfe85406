import { StorageError } from './errors.ts';

/** SQLite's primary result codes (https://sqlite.org/rescode.html). */
const BUSY = 5;
const LOCKED = 6;
const UNAVAILABLE: ReadonlySet<number> = new Set([7, 8, 10, 11, 13, 14, 15, 26]);
const IO = 10;
/** Extended codes of a unique index, a primary key and a row id. */
const DUPLICATE: ReadonlySet<number> = new Set([2067, 1555, 2579]);

function codeOf(error: unknown): number | undefined {
  const code = (error as { errcode?: unknown } | null)?.errcode;
  return typeof code === 'number' ? code : undefined;
}

/** Another process has the database: worth waiting for. */
export function isBusy(error: unknown): boolean {
  const code = codeOf(error);
  return code !== undefined && ((code & 0xff) === BUSY || (code & 0xff) === LOCKED);
}

export function sqliteError(error: unknown): unknown {
  const code = codeOf(error);
  if (code === undefined) return error;
  const { message } = error as Error;
  if (DUPLICATE.has(code)) return new StorageError('duplicate', message, error);
  if (isBusy(error) || UNAVAILABLE.has(code & 0xff)) return new StorageError('unavailable', message, error);
  return error;
}

/** A commit whose disk failed may still be found in the file at the next start. */
export function sqliteCommitError(error: unknown): unknown {
  const code = codeOf(error);
  if (code !== undefined && (code & 0xff) === IO) {
    return new StorageError('uncertain', (error as Error).message, error);
  }
  return sqliteError(error);
}
