import { newId } from '../../core/ids.ts';
import { type Refusal, refuse } from '../../core/refusal.ts';
import type { SharedTurns, Transaction } from '../../storage/index.ts';
import type {
  ControlDraft,
  FeedPage,
  IntentDraft,
  IntentResult,
  Ledger,
  LedgerOptions,
  LedgerStatus,
  Missed,
  OutcomeDraft,
  Reader,
  RefusalDraft,
  Story,
} from './contract.ts';
import { Drafter } from './drafts.ts';
import { EpochWriter } from './epoch.ts';
import { type Flood, Floods } from './flood.ts';
import { Gap } from './gap.ts';
import { WAITING_MAX } from './group-commit.ts';
import { LogReader } from './reader.ts';
import { Seal } from './seal.ts';
import { LOST, ThreadLink } from './thread-link.ts';
import type { Standing, ThreadSettings } from './thread-messages.ts';

export type ThreadedLedgerOptions = Omit<
  LedgerOptions,
  'files' | 'high_water' | 'claimProofs' | 'stateVersion' | 'missed' | 'changed'
> & {
  /** What the thread runs: a module that calls `serveLedger`. */
  entry: URL;
  /** The file of `db`, which the thread opens as well. */
  path: string;
  /** Of `db`: this thread and the other one write in one order. */
  turns: SharedTurns;
  folder: string;
  high_water?: string | undefined;
};

const FLOODS_MS = 1_000;
const REOPEN_MS = 500;

/**
 * The same ledger, at work on a thread of its own with its own connection to the embedded database: what bounds a gateway
 * is the thread that speaks with agents, and half of what a call costs is its receipts. Reading, and receipts in
 * transactions of this thread, stay here.
 *
 * If the thread ends, nothing is forwarded; it is opened anew and finds its former epoch as a restart would: what was open
 * is `unknown`.
 */
export async function openThreadedLedger(options: ThreadedLedgerOptions): Promise<Ledger> {
  const ledger = new ThreadedLedger(options);
  await ledger.open();
  return ledger;
}

class ThreadedLedger implements Ledger {
  readonly #options: ThreadedLedgerOptions;
  readonly #drafter: Drafter;
  readonly #reader: LogReader;
  readonly #floods = new Floods();
  readonly #gap = new Gap();
  readonly #listeners = new Set<(size: number) => void>();
  #link!: ThreadLink;
  #standing!: Standing;
  #writer: EpochWriter | undefined;
  #state: 'open' | 'lost' | 'closed' = 'open';
  #cancelFloods: () => void = () => {};

  constructor(options: ThreadedLedgerOptions) {
    const { db, clock, random, build, config_digest, keys } = options;
    const seal = new Seal(keys.payload, random);
    // Changes are few: their ids may stand in the index as they are.
    const nextId = () => ({ id: newId('rcp', random), slot: null });
    this.#options = options;
    this.#drafter = new Drafter({ clock, nextId, seal, build, config_digest });
    this.#reader = new LogReader({ db, seal, record: (draft) => this.control(undefined, draft) });
  }

  async open(): Promise<void> {
    const { entry, config_digest, witnesses, turns, report } = this.#options;
    const { missed } = this.#gap;
    this.#link = new ThreadLink({
      entry,
      settings: this.#settings(missed),
      config_digest,
      clock: this.#options.clock,
      defer: this.#options.defer ?? ((work) => setImmediate(work)),
      post: witnesses?.post,
      standing: (standing) => this.#onStanding(standing),
      lost: (error) => this.#onLost(error),
      report,
    });
    turns.share(this.#link);
    await this.#link.opened();
    this.#gap.stated(missed.count);
    if (this.#state === 'closed') return this.#link.close();
    this.#state = 'open';
    this.#floodsLater();
  }

  async intent(draft: IntentDraft): Promise<IntentResult> {
    const unable = this.#unable();
    if (unable !== undefined) return unable;
    const result = await this.#link.item('intent', draft);
    return result === LOST ? lost() : (result as IntentResult);
  }

  async outcome(draft: OutcomeDraft, options?: { unhurried: boolean }): Promise<string | Refusal> {
    const result = await this.#link.item('outcome', draft, options);
    return result === LOST ? lost() : (result as string | Refusal);
  }

  async refusal(draft: RefusalDraft): Promise<string | undefined> {
    const result = await this.#link.item('refusal', draft);
    if (result === LOST) return this.#gap.add(this.#options.clock.now());
    return (result as string | null) ?? undefined;
  }

  /** Counted here, so that strangers cannot fill what waits for the thread. */
  flood({ code, source }: Pick<Flood, 'code' | 'source'>): void {
    this.#floods.add({ code, source, second: this.#second(), count: 1 });
  }

  async control(tx: Transaction | undefined, draft: ControlDraft): Promise<string> {
    if (tx === undefined) return this.#link.call('control', draft);
    const prepared = this.#drafter.control(draft);
    // What is settled the thread knows better.
    await this.#epoch().write(tx, [prepared], 0);
    this.#link.touch();
    return prepared.receipt.id;
  }

  story(receipt: string, options: { reader?: string } = {}): Promise<Story | undefined> {
    return this.#reader.story(receipt, options.reader);
  }

  feed(after: number, limit: number, options: { reader?: Reader } = {}): Promise<FeedPage> {
    return this.#reader.feed(after, limit, options.reader);
  }

  latest(before: number, limit: number, options: { reader?: Reader } = {}): Promise<FeedPage> {
    return this.#reader.latest(before, limit, options.reader);
  }

  onGrowth(listener: (size: number) => void): () => void {
    const own = (size: number) => listener(size);
    this.#listeners.add(own);
    return () => this.#listeners.delete(own);
  }

  checkpoint(): string | undefined {
    return this.#standing.checkpoint;
  }

  proof(receipt: string): Promise<string | undefined> {
    return this.#link.call('proof', receipt);
  }

  erase(receipts: readonly string[], by: string): Promise<number> {
    return this.#link.call('erase', receipts, by);
  }

  status(): LedgerStatus {
    const status = { ...this.#standing.status, waiting: this.#link.waiting };
    return this.#state === 'lost' ? { ...status, state: 'unavailable', reason: lost().reason } : status;
  }

  fork(by: string): Promise<{ origin: string; receipt: string }> {
    return this.#link.call('fork', by);
  }

  drain(): Promise<void> {
    this.#sendFloods(Number.POSITIVE_INFINITY);
    return this.#link.call('drain');
  }

  async close(): Promise<void> {
    const before = this.#state;
    if (before === 'closed') return;
    this.#cancelFloods();
    this.#sendFloods(Number.POSITIVE_INFINITY);
    this.#state = 'closed';
    // One that is being opened anew is closed when it is open.
    if (before === 'open') await this.#link.close().finally(() => this.#options.turns.share(undefined));
  }

  #settings(missed: Missed): ThreadSettings {
    const { replica, build, origin, keys, reserve_bytes, path, folder, high_water, witnesses } = this.#options;
    return {
      ...{ replica, build, origin, keys, path, folder, high_water },
      ...(reserve_bytes === undefined ? {} : { reserve_bytes }),
      config_digest: this.#options.config_digest(),
      witnesses: witnesses && { known: witnesses.known, required: witnesses.required },
      missed,
    };
  }

  #unable(): Refusal | undefined {
    if (this.#state === 'closed') return refuse('gateway_stopping', 'the log is closed');
    if (this.#state === 'lost') return lost();
    if (this.#link.waiting < WAITING_MAX) return undefined;
    return refuse('log_unavailable', `${WAITING_MAX} items wait for the log`);
  }

  /** One for each epoch that the thread writes in. */
  #epoch(): EpochWriter {
    const { epoch } = this.#standing.status;
    if (this.#writer?.epoch !== epoch) this.#writer = new EpochWriter(this.#options.replica, epoch);
    return this.#writer;
  }

  #onStanding(standing: Standing): void {
    const before = this.#standing?.status.size ?? standing.status.size;
    this.#standing = standing;
    const { size } = standing.status;
    if (size === before) return;
    for (const listener of this.#listeners) listener(size);
  }

  #onLost(error: Error): void {
    if (this.#state === 'closed') return;
    this.#state = 'lost';
    this.#cancelFloods();
    this.#options.report('the thread of the log ended; it is opened anew', error);
    this.#options.clock.after(REOPEN_MS, () => {
      if (this.#state === 'lost') this.open().catch((failed: Error) => this.#onLost(failed));
    });
  }

  #floodsLater(): void {
    this.#cancelFloods = this.#options.clock.after(FLOODS_MS, () => {
      this.#sendFloods(this.#second());
      this.#floodsLater();
    });
  }

  #sendFloods(before: number): void {
    const floods = this.#floods.take(before);
    if (floods.length > 0) this.#link.floods(floods);
  }

  #second(): number {
    return Math.floor(this.#options.clock.now() / 1000);
  }
}

function lost(): Refusal {
  return refuse('log_unavailable', 'the thread of the log ended');
}
