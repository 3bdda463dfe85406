import { isStorageError, StorageError } from './errors.ts';

/** SQLSTATE, from PostgreSQL's appendix A; undefined for failures of the connection itself. */
function stateOf(error: unknown): string | undefined {
  const { code, severity } = (error ?? {}) as { code?: unknown; severity?: unknown };
  return typeof code === 'string' && typeof severity === 'string' ? code : undefined;
}

const CONFLICT: ReadonlySet<string> = new Set(['40001', '40P01']);
const DUPLICATE = '23505';
const UNKNOWN_COMPLETION = '40003';
/** A prepared statement met a table that another process has just migrated. */
const STALE_PLAN = '0A000';

/**
 * Classes of trouble at the server that is no fault of the statement: connection, resources (disk full, too many
 * connections), operator (shutdown, cancelled by a timeout), system, and a lock not had in time. 25006 is a standby.
 */
const UNAVAILABLE = /^(?:08|53|57|58|XX|55P03|25006|25P0[34]|28)/;

/** Whether the connection can serve another query after this. */
export function breaksConnection(error: unknown): boolean {
  const state = stateOf(error);
  if (state === undefined) return !(error instanceof TypeError || error instanceof RangeError);
  return /^(?:08|57P0|25P0[34]|XX)/.test(state) || state === STALE_PLAN;
}

/** `sent`: what was on its way when the connection broke may have been carried out. */
export function postgresError(error: unknown, sent: 'nothing that lasts' | 'a commit'): unknown {
  if (isStorageError(error) || error instanceof TypeError || error instanceof RangeError) return error;
  const { message } = error as Error;
  const state = stateOf(error);
  if (state === undefined || state === UNKNOWN_COMPLETION) {
    return new StorageError(sent === 'a commit' ? 'uncertain' : 'unavailable', message, error);
  }
  if (CONFLICT.has(state) || (state === STALE_PLAN && message.includes('cached plan'))) {
    return new StorageError('conflict', message, error);
  }
  if (state === DUPLICATE) return new StorageError('duplicate', message, error);
  if (!UNAVAILABLE.test(state)) return error;
  // A shutdown in the middle of a commit answers with an error although the commit record may be on disk.
  return new StorageError(sent === 'a commit' && breaksConnection(error) ? 'uncertain' : 'unavailable', message, error);
}
