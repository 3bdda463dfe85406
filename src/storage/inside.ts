import { AsyncLocalStorage } from 'node:async_hooks';

type Scope = { owner: object; open: boolean; outer: Scope | undefined };

/**
 * Finds the use of a database inside its own transaction, which would wait for itself: at once on SQLite, and on
 * PostgreSQL on the day when the pool is empty. A mistake that only load shows must not wait for load.
 */
const scopes = new AsyncLocalStorage<Scope>();

export async function runInside<T>(owner: object, work: () => Promise<T>): Promise<T> {
  const scope: Scope = { owner, open: true, outer: scopes.getStore() };
  try {
    return await scopes.run(scope, work);
  } finally {
    // What was started inside and outlives the transaction may use the database again.
    scope.open = false;
  }
}

export function assertOutside(owner: object): void {
  for (let scope = scopes.getStore(); scope !== undefined; scope = scope.outer) {
    if (scope.open && scope.owner === owner) throw new Error('inside a transaction, use the transaction');
  }
}
