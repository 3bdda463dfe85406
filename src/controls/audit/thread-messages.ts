import type { ControlDraft, LedgerOptions, LedgerStatus, Missed } from './contract.ts';
import type { Flood } from './flood.ts';

/**
 * What the two threads of a ledger say to each other. What is said for every call goes as text, many items to a message:
 * writing and reading JSON costs a third of cloning the same objects.
 */
export type ToThread =
  /** JSON of `Item[]`. The first has that number, the others follow. */
  | { kind: 'items'; first: number; items: string; config_digest: string }
  | { kind: 'floods'; floods: readonly Flood[] }
  | { kind: 'call'; number: number; method: keyof Calls; args: unknown[] }
  /** The other thread wants to write to the database; and has written. */
  | { kind: 'take' }
  | { kind: 'pass' }
  /** It wrote receipts. */
  | { kind: 'touch' }
  | { kind: 'posted'; number: number; result: Result };

export type FromThread =
  | { kind: 'ready' }
  /** JSON of `[number, result][]`; `null` for undefined. Of the messages with items, so many were read by now. */
  | { kind: 'answers'; answers: string; read: number }
  | { kind: 'called'; number: number; result: Result }
  | { kind: 'standing'; standing: Standing }
  | { kind: 'taken' }
  | { kind: 'post'; number: number; url: string; body: string }
  | { kind: 'report'; problem: string; reason: string };

/** The ledger's method, and its argument. */
export type Item = ['intent' | 'outcome' | 'refusal', unknown];

export type Calls = {
  control(draft: ControlDraft): Promise<string>;
  proof(receipt: string): Promise<string | undefined>;
  erase(receipts: readonly string[], by: string): Promise<number>;
  fork(by: string): Promise<{ origin: string; receipt: string }>;
  drain(): Promise<void>;
  close(): Promise<void>;
};

/** `storage`: the kind of a StorageError. */
export type Result = { value: unknown } | { failure: string; storage: string | undefined };

export type Standing = { status: LedgerStatus; checkpoint: string | undefined };

/** What the thread needs to open its ledger; it is cloned, so functions are the thread's own. */
export type ThreadSettings = Pick<LedgerOptions, 'replica' | 'build' | 'origin' | 'keys' | 'reserve_bytes'> & {
  /** The database's file. */
  path: string;
  folder: string;
  high_water: string | undefined;
  config_digest: string;
  witnesses: Omit<NonNullable<LedgerOptions['witnesses']>, 'post'> | undefined;
  missed: Missed;
};
