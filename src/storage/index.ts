/**
 * Storage: one seam, two drivers. `node:sqlite` is the embedded default, where one process on one disk keeps everything;
 * PostgreSQL is for many equal processes. A domain writes its SQL once, in its own `store.ts`, in the subset both read.
 *
 * It promises that a transaction whose `transaction` call returned is durable, that a failure says whether the work may be
 * repeated, that nothing waits for ever, and that a replica which cannot learn of changes knows that it cannot
 * (`StateWatch`). It refuses a database from the future and one whose history was edited. Its attacker shares the machine
 * (files are the owner's only), sends values meant as SQL (values never enter a text), or cuts the network to keep a
 * revocation from arriving (then the lease lapses and nothing is forwarded).
 *
 * Rejected: a query builder (50 to 100 µs for each query of the intent path), an ORM (one schema serves one dialect),
 * sequences as log positions (commits land out of order), trusting NOTIFY (it may be lost; it only hurries the poll).
 */
export {
  BUSY_MS_MAX,
  type Database,
  type Row,
  type Sql,
  type SqlValue,
  STATEMENT_MS_MAX,
  TRANSACTION_MS_MAX,
  type Transaction,
} from './database.ts';
export { isStorageError, StorageError, type StorageErrorKind } from './errors.ts';
export { lockExclusively, type ProcessLock } from './lock.ts';
export { type Migration, migrate } from './migrate.ts';
export { openDatabase, openReading, type Reading } from './open.ts';
export { LEASE_MS, type Lease, openStateWatch, type StateListener, type StateWatch } from './state-watch.ts';
export { SharedTurns, type TurnOrder, Turns } from './turns.ts';
