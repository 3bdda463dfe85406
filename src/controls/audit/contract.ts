import type { Clock, Random } from '../../core/clock.ts';
import type { JsonValue } from '../../core/json.ts';
import type { EntityRef, ProofClaim } from '../../core/principal.ts';
import type {
  ControlEvent,
  ExchangeFacts,
  OutcomeReceipt,
  Receipt,
  ReceiptHead,
  StageCheck,
} from '../../core/receipt.ts';
import type { Refusal, RefusalCode } from '../../core/refusal.ts';
import type { Database, Transaction } from '../../storage/index.ts';
import type { LogFiles } from './files.ts';
import type { Flood } from './flood.ts';
import type { LedgerKeys } from './keys.ts';
import type { Witness, WitnessPost } from './witness.ts';

/** The facts of an exchange as the caller knows them: resources by name. The ledger writes salted digests of the names. */
export type ExchangeDraft = Omit<ExchangeFacts, 'accesses' | 'payload'> & {
  accesses: readonly { action: string; resource: EntityRef }[];
};

export type IntentDraft = {
  facts: ExchangeDraft;
  /** Sealed beside the log, together with the resources' names. */
  payload: JsonValue;
  claims: { proof?: ProofClaim | undefined };
  /** The state's version when the decision was made; if it is another at the commit, the item is `stale`. */
  decided_under: number;
  /** When what permits it ends by itself, by the database's clock, if it does; one that has ended by the commit is `stale`. */
  decided_until?: number | undefined;
};

export type IntentResult =
  | { kind: 'committed'; receipt: string; time: number }
  /** The rules changed since: decide again. Nothing was claimed. */
  | { kind: 'stale' }
  /** `proof_replayed`, `log_unavailable`, `log_forked`. */
  | Refusal;

export type OutcomeDraft = Omit<OutcomeReceipt, keyof ReceiptHead | 'kind' | 'payload'> & { payload?: JsonValue };

export type RefusalDraft = {
  kind: 'refusal' | 'hold';
  code: RefusalCode;
  facts: Partial<ExchangeDraft>;
  checks: readonly StageCheck[];
  payload?: JsonValue;
};

export type ControlDraft = {
  event: ControlEvent;
  /** `person:<id>`, `local` (the control socket), `agent:<id>`, `gateway`. */
  by: string;
  subject: string | null;
  before: string | null;
  after: string | null;
  payload?: JsonValue;
};

/** What lies sealed beside a receipt: `shut` unless the reader was named, so that reading leaves a receipt. */
export type Payload =
  | { kind: 'none' }
  | { kind: 'shut' }
  | { kind: 'erased' }
  | {
      kind: 'open';
      /** The accesses' resources by name, in the receipt's order; for a flood, the source. */
      names: JsonValue;
      value: JsonValue;
    };

export type LoggedReceipt = {
  /** Place in the log; null until it is sequenced. */
  index: number | null;
  receipt: Receipt;
  payload: Payload;
};

export type Story = {
  /** The exchange's first receipt (intent, refusal or hold), or the control receipt asked for; then what refers to it. */
  receipts: readonly LoggedReceipt[];
  /** First receipts of the exchanges that upstream asked for while this one was forwarded. */
  children: readonly string[];
  /** First receipts of passes that took this one up. */
  continued_by: readonly string[];
  /** Receipt of this reading, where a payload was opened. */
  read_under: string | null;
};

/**
 * Who opens payloads. A name leaves a `payload.read` receipt for each call; `under` names one that such a call returned,
 * for a reading that goes on (a live stream), which would otherwise write a receipt for every receipt it shows.
 */
export type Reader = string | { under: string };

export type FeedPage = { receipts: readonly LoggedReceipt[]; read_under: string | null };

export type LedgerStatus = {
  state: 'writing' | 'unavailable' | 'forked';
  /** Why, where it is not `writing`. */
  reason: string | null;
  origin: string;
  /** Entries in the log. */
  size: number;
  /** SHA-256 root of the tree of that size, hex. */
  root: string;
  epoch: number;
  checkpoint_at: number | null;
  /** Names of the witnesses that cosigned the newest checkpoint. */
  witnesses: readonly string[];
  /** Items that wait for the next commit. */
  waiting: number;
};

export interface Ledger {
  /**
   * Makes an intent durable in a group commit: one transaction for everybody who waits. Each item stands alone: the state
   * must be the one decided under and the proof must be new, or that item is refused while the others commit. An answer
   * other than `committed` means that nothing may be forwarded.
   */
  intent(draft: IntentDraft): Promise<IntentResult>;
  /**
   * Resolves with the outcome's receipt id once it is durable. A refusal means not yet: the ledger keeps trying, and if it
   * does not live to succeed, the intent gets the outcome `unknown`. `unhurried`: nobody waits for it, so it may wait a few
   * milliseconds for others to be committed with.
   */
  outcome(draft: OutcomeDraft, options?: { unhurried: boolean }): Promise<string | Refusal>;
  /** Id of the durable receipt; undefined while the log cannot be written: the gap is counted and stated later. */
  refusal(draft: RefusalDraft): Promise<string | undefined>;
  /** A refusal before identity: counted, one receipt for each code, source and second. Never waits, never fails. */
  flood(event: Pick<Flood, 'code' | 'source'> & Partial<Flood>): void;
  /**
   * The receipt of a change of the system itself: in the caller's transaction (neither exists without the other) or, with
   * none, in a commit of its own. In a transaction, call it last: it holds the replica's place in the log to the end.
   * @throws StorageError where it cannot be written, so that the change is not made.
   */
  control(tx: Transaction | undefined, draft: ControlDraft): Promise<string>;
  /** The whole exchange, by any of its receipts. With `reader`, payloads are opened and a `payload.read` receipt stands first. */
  story(receipt: string, options?: { reader?: string }): Promise<Story | undefined>;
  /** Entries with an index above `after`, in the order of the log. -1 starts at the beginning. */
  feed(after: number, limit: number, options?: { reader?: Reader }): Promise<FeedPage>;
  /** Entries with an index below `before` (`Infinity`: the newest), newest first. */
  latest(before: number, limit: number, options?: { reader?: Reader }): Promise<FeedPage>;
  /** Called after the log has grown, with its size. The returned function ends it. */
  onGrowth(listener: (size: number) => void): () => void;
  /** The newest checkpoint as a signed note; undefined before the first. */
  checkpoint(): string | undefined;
  /** Inclusion proof as a `.tlog-proof` text with the entry itself; undefined until the receipt is under a checkpoint. */
  proof(receipt: string): Promise<string | undefined>;
  /** Destroys the keys of these receipts' payloads; returns how many had one. The log still verifies. */
  erase(receipts: readonly string[], by: string): Promise<number>;
  status(): LedgerStatus;
  /**
   * Opens a new origin that names the old checkpoint, by order of a person: the way out of `forked`, and the way to go on
   * after a restore or failover. What the old origin published stays beside the log as evidence.
   */
  fork(by: string): Promise<{ origin: string; receipt: string }>;
  /** Resolves when everything accepted so far is durable, sequenced and under a signed checkpoint. */
  drain(): Promise<void>;
  /** Drains, closes the epoch and stops. */
  close(): Promise<void>;
}

/** A gap in the log: how many receipts there are not, and since when. */
export type Missed = { count: number; since: number };

export type LedgerOptions = {
  db: Database;
  clock: Clock;
  random: Random;
  /** Name of this replica, kept over restarts; every start is a new epoch of it. */
  replica: string;
  build: string;
  /** Digest of the configuration in force; stands in every receipt. */
  config_digest: () => string;
  /** First line of the log's checkpoints. A fork continues it as `<origin>/<n>`. */
  origin: string;
  keys: LedgerKeys;
  /** Where tiles, entry bundles and the checkpoint are published as static files. */
  files: LogFiles;
  /** Where the last checkpoint is kept that a database must extend at start; best on another disk. Same folder if absent. */
  high_water?: LogFiles;
  /** Claims DPoP proofs in the intent's transaction; false where one was used before. */
  claimProofs: (tx: Transaction, claims: readonly ProofClaim[]) => Promise<boolean[]>;
  /** The state's version, which cannot change before `tx` ends (`StateWatch.confirm`). */
  stateVersion: (tx: Transaction) => Promise<number>;
  witnesses?: { known: readonly Witness[]; required: number; post: WitnessPost };
  /** Disk held back for what must still be recorded when it is full; smaller in tests. */
  reserve_bytes?: number;
  /** Runs `work` when what is arriving now has arrived; so that one commit serves all of it. Default: `setImmediate`. */
  defer?: (work: () => void) => void;
  /** Refusals that could not be recorded before this ledger was opened. */
  missed?: Missed;
  /** Told when `status` or `checkpoint` may say something else than before. */
  changed?: () => void;
  /** Told of failures that nobody else handles. */
  report: (problem: string, error: unknown) => void;
};
