/**
 * What a caller can do about a failure of the database:
 * - `conflict`: another transaction came between. Nothing was written; run the whole transaction again.
 * - `duplicate`: a unique index refused a row. Nothing was written.
 * - `unavailable`: not reachable, busy for too long, out of space. Nothing was written.
 * - `uncertain`: the commit was sent and its answer lost. It may have been written: look before acting or repeating.
 * - `schema`: the database is newer than this code, or its history differs. Nothing was written.
 * - `closed`: used after `close`.
 * Anything else that a driver throws (a misspelt column, a broken constraint) is a bug and stays as it is.
 */
export type StorageErrorKind = 'conflict' | 'duplicate' | 'unavailable' | 'uncertain' | 'schema' | 'closed';

export class StorageError extends Error {
  override readonly name = 'StorageError';
  readonly kind: StorageErrorKind;
  constructor(kind: StorageErrorKind, message: string, cause?: unknown) {
    super(message, cause === undefined ? {} : { cause });
    this.kind = kind;
  }
}

export function isStorageError(error: unknown, kind?: StorageErrorKind): error is StorageError {
  return error instanceof StorageError && (kind === undefined || error.kind === kind);
}
