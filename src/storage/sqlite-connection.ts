import { DatabaseSync, type StatementSync } from 'node:sqlite';
import type { Row, SqlValue } from './database.ts';
import { readStatement } from './statement-text.ts';
import { checkValues } from './values.ts';

/** Texts are constants of the code; the bound holds should one ever be built from data. */
const STATEMENTS_MAX = 512;

type Prepared = { statement: StatementSync; values: number };

/** One connection and its prepared statements. Synchronous; failures come as SQLite gives them. */
export class SqliteConnection {
  readonly #database: DatabaseSync;
  readonly #statements = new Map<string, Prepared>();

  constructor(path: string, options: { readOnly: boolean }) {
    this.#database = new DatabaseSync(path, { readOnly: options.readOnly, timeout: 0, defensive: true });
  }

  rows(text: string, values: readonly SqlValue[]): Row[] {
    const prepared = this.#prepare(text);
    checkValues(values, prepared.values);
    const rows = prepared.statement.all(...values) as Row[];
    // Rows come without a prototype, unlike the other driver's.
    for (let at = 0; at < rows.length; at++) rows[at] = { ...rows[at] };
    return rows;
  }

  script(text: string): void {
    this.#database.exec(text);
  }

  get inTransaction(): boolean {
    return this.#database.isTransaction;
  }

  close(): void {
    this.#statements.clear();
    this.#database.close();
  }

  #prepare(text: string): Prepared {
    const known = this.#statements.get(text);
    if (known !== undefined) return known;
    const read = readStatement(text);
    const prepared = { statement: this.#database.prepare(read.text), values: read.values };
    if (this.#statements.size >= STATEMENTS_MAX) {
      const oldest = this.#statements.keys().next();
      if (!oldest.done) this.#statements.delete(oldest.value);
    }
    this.#statements.set(text, prepared);
    return prepared;
  }
}
