/** What identity needs of storage, until storage's door is there. */
export interface Sql {
  query<R extends Record<string, string | number | null | Uint8Array>>(
    text: string,
    values?: readonly (string | number | null | Uint8Array)[],
  ): Promise<R[]>;
}
export type Transaction = Sql;
export interface Database extends Sql {
  readonly dialect: 'sqlite' | 'postgres';
  transaction<T>(work: (tx: Transaction) => Promise<T>): Promise<T>;
}
export interface StateWatch {
  version(): number;
  onChange(listener: (version: number) => Promise<void>): () => void;
  bump(tx: Transaction, topic: string): Promise<void>;
}
