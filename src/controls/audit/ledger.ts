import { type Refusal, refuse } from '../../core/refusal.ts';
import { isStorageError, StorageError, type Transaction } from '../../storage/index.ts';
import { Aftermath } from './aftermath.ts';
import type {
  ControlDraft,
  FeedPage,
  IntentDraft,
  IntentResult,
  Ledger,
  LedgerOptions,
  LedgerStatus,
  OutcomeDraft,
  Reader,
  RefusalDraft,
  Story,
} from './contract.ts';
import { Drafter, listDigest, NO_REFERENCES, type References } from './drafts.ts';
import { type Draft, EpochWriter } from './epoch.ts';
import { type Flood, Floods } from './flood.ts';
import { Gap } from './gap.ts';
import { GroupCommit, type ItemResult, WAITING_MAX } from './group-commit.ts';
import { type OldLog, TransparencyLog } from './log.ts';
import { OpenIntents } from './open-intents.ts';
import { LogReader } from './reader.ts';
import { ID_KEY_BYTES, ReceiptIds } from './receipt-ids.ts';
import { Seal } from './seal.ts';
import { Space } from './space.ts';
import {
  beat,
  closeEpoch,
  destroyKey,
  epochOf,
  forgetOldPages,
  idKey,
  openEpoch,
  openIntents,
  seatById,
} from './store.ts';
import { takeOverLapsed } from './takeover.ts';

const TICK_MS = 1_000;
/** Ticks between flushes of what is published. */
const SETTLE_TICKS = 60;
const OPEN_ATTEMPTS_MAX = 8;

/** Opens the log: a new epoch of this replica, the tree checked against what was published, the dead epochs closed. */
export async function openLedger(options: LedgerOptions): Promise<WorkingLedger> {
  const { db, random } = options;
  const key = await db.transaction((tx) => idKey(tx, random(ID_KEY_BYTES)));
  const epoch = await nextEpoch(options);
  const ledger = new GroupedLedger(options, epoch, new ReceiptIds(key, options));
  await ledger.start();
  return ledger;
}

/** `touch`: somebody else wrote receipts in its epoch. */
export type WorkingLedger = Ledger & { touch(): void };

/** Two replicas that start at once ask for the same epoch; one gets it. */
async function nextEpoch({ db, replica }: LedgerOptions): Promise<number> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await db.transaction((tx) => openEpoch(tx, replica));
    } catch (error) {
      const isContended = isStorageError(error, 'duplicate') || isStorageError(error, 'conflict');
      if (!isContended || attempt === OPEN_ATTEMPTS_MAX) throw error;
    }
  }
}

class GroupedLedger implements WorkingLedger {
  readonly #options: LedgerOptions;
  readonly #drafter: Drafter;
  readonly #commits: GroupCommit;
  readonly #aftermath: Aftermath;
  readonly #open = new OpenIntents();
  readonly #floods = new Floods();
  readonly #gap: Gap;
  readonly #space: Space;
  readonly #reader: LogReader;
  readonly #defer: (work: () => void) => void;
  #writer: EpochWriter;
  #log!: TransparencyLog;
  #failure: string | undefined;
  #reopening: Promise<void> | undefined;
  #cancelTick: () => void = () => {};
  #closed = false;
  #ticks = 0;
  readonly #underWay = new Map<string, Promise<unknown>>();

  constructor(options: LedgerOptions, epoch: number, ids: ReceiptIds) {
    const { db, clock, random, build, config_digest, keys, claimProofs, stateVersion } = options;
    const seal = new Seal(keys.payload, random);
    this.#options = options;
    this.#gap = new Gap(options.missed);
    this.#defer = options.defer ?? ((work) => setImmediate(work));
    this.#writer = new EpochWriter(options.replica, epoch);
    this.#drafter = new Drafter({ clock, nextId: () => ids.next(), seal, build, config_digest });
    this.#space = new Space(options.files, options.reserve_bytes);
    const record = (draft: ControlDraft) => this.control(undefined, draft);
    this.#reader = new LogReader({ db, seal, record });
    this.#aftermath = new Aftermath({
      db,
      clock,
      drafter: this.#drafter,
      open: this.#open,
      submit: (draft, only) => this.#submit(draft, only),
      epoch: () => (this.#closed ? undefined : this.#writer.epoch),
    });
    this.#commits = new GroupCommit({
      db,
      claimProofs,
      stateVersion,
      defer: this.#defer,
      writer: () => this.#writer,
      settled: () => this.#open.settled(),
      preface: () => this.#gap.preface((count, since) => this.#drafter.gap(count, since)),
      reopen: (closed) => this.#reopen(closed),
      committed: (count) => this.#onCommitted(count),
    });
  }

  async start(): Promise<void> {
    const { db, clock, origin, keys, files, high_water, witnesses, report } = this.#options;
    const parts = { db, clock, origin, keys, files, highWater: high_water ?? files, witnesses, report };
    const changed = this.#options.changed ?? (() => {});
    this.#log = await TransparencyLog.open({ ...parts, changed, defer: this.#defer, writer: () => this.#writer });
    await this.#space.check();
    await this.#takeOver();
    this.#log.touch();
    this.#tickLater();
  }

  intent(draft: IntentDraft): Promise<IntentResult> {
    const unable = this.#unable();
    if (unable !== undefined) return Promise.resolve(unable);
    const references = this.#references(draft.facts);
    if (references instanceof Promise) {
      return references.then(
        (found) => this.#intent(draft, found),
        (error: unknown) => unavailable(error),
      );
    }
    return this.#intent(draft, references);
  }

  #intent(draft: IntentDraft, references: References): Promise<IntentResult> {
    const prepared = this.#drafter.intent(draft, references);
    const { decided_under, decided_until } = draft;
    const demands = { decided_under, decided_until, proof: draft.claims.proof };
    const { id, time } = prepared.receipt;
    return new Promise((resolve) => {
      const settle = (result: ItemResult) => {
        if (result.kind === 'written') {
          // One whose epoch was closed before its commit was heard of has its outcome there already.
          if (epochOf(result.seat) === this.#writer.epoch) this.#open.add(id, result.seat);
          resolve({ kind: 'committed', receipt: id, time });
        } else resolve(this.#notWritten(prepared, result));
      };
      this.#commits.add({ draft: prepared, demands, settle });
    });
  }

  #notWritten(draft: Draft, result: Exclude<ItemResult, { kind: 'written' }>): IntentResult {
    switch (result.kind) {
      case 'stale':
        return { kind: 'stale' };
      case 'replayed':
        return refuse('proof_replayed', 'the proof was claimed before');
      case 'failed':
        if (result.uncertain) void this.#aftermath.resolve(draft.receipt.id);
        this.#onFailed(result.error);
        return unavailable(result.error);
    }
  }

  async outcome(draft: OutcomeDraft): Promise<string | Refusal> {
    const seat = this.#open.beginClosing(draft.intent);
    if (seat === undefined) {
      return refuse('log_unavailable', `${draft.intent} is no open intent of this epoch: it has an outcome already`);
    }
    const prepared = this.#drafter.outcome(draft, seat);
    const result = await this.#submit(prepared, epochOf(seat));
    if (result.kind === 'written') {
      this.#open.close(draft.intent);
      return prepared.receipt.id;
    }
    const failed = result.kind === 'failed' ? result : { error: undefined, uncertain: false };
    this.#onFailed(failed.error);
    void this.#aftermath.insist(draft.intent, prepared, failed, epochOf(seat));
    return unavailable(failed.error);
  }

  async refusal(draft: RefusalDraft): Promise<string | undefined> {
    if (this.#space.low || this.#commits.waiting >= WAITING_MAX) return this.#gap.add(this.#now());
    try {
      const references = await this.#references(draft.facts);
      const prepared = this.#drafter.refusal(draft, references);
      const result = await this.#submit(prepared);
      if (result.kind === 'written') return prepared.receipt.id;
      if (result.kind === 'failed') this.#onFailed(result.error);
    } catch (error) {
      this.#onFailed(error);
    }
    return this.#gap.add(this.#now());
  }

  flood(event: Pick<Flood, 'code' | 'source'> & Partial<Flood>): void {
    this.#floods.add({ second: this.#second(), count: 1, ...event });
  }

  async control(tx: Transaction | undefined, draft: ControlDraft): Promise<string> {
    const prepared = this.#drafter.control(draft);
    if (tx !== undefined) {
      await this.#writer.write(tx, [prepared], this.#open.settled());
      this.#log.touch();
      return prepared.receipt.id;
    }
    const result = await this.#submit(prepared);
    if (result.kind === 'written') return prepared.receipt.id;
    throw result.kind === 'failed' ? result.error : new Error(`a control receipt is not ${result.kind}`);
  }

  touch(): void {
    this.#log.touch();
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
    return this.#log.onGrowth(listener);
  }

  checkpoint(): string | undefined {
    return this.#log.published?.text;
  }

  proof(receipt: string): Promise<string | undefined> {
    return this.#log.proof(receipt);
  }

  async erase(receipts: readonly string[], by: string): Promise<number> {
    const { db, clock } = this.#options;
    const erased = await db.transaction(async (tx) => {
      let count = 0;
      for (const id of receipts) if (await destroyKey(tx, id)) count += 1;
      const subject = receipts.length === 1 ? receipts[0]! : `${receipts.length} receipts`;
      const after = listDigest(receipts);
      const payload = { receipts: [...receipts] };
      await this.control(tx, { event: 'payload.erase', by, subject, before: null, after, payload });
      return count;
    });
    await forgetOldPages(db, clock);
    return erased;
  }

  status(): LedgerStatus {
    const { forked, origin, tree, published } = this.#log;
    const failure = this.#space.low ? 'the disk is almost full' : this.#failure;
    return {
      state: forked === undefined ? (failure === undefined ? 'writing' : 'unavailable') : 'forked',
      reason: forked ?? failure ?? null,
      origin,
      ...tree,
      epoch: this.#writer.epoch,
      checkpoint_at: published?.at ?? null,
      witnesses: published?.witnesses ?? [],
      waiting: this.#commits.waiting,
    };
  }

  fork(by: string): Promise<{ origin: string; receipt: string }> {
    const record = (tx: Transaction, old: OldLog, now: { origin: string; root: string }) =>
      this.control(tx, {
        event: 'audit.fork',
        by,
        subject: `${old.origin} ${old.size}`,
        before: old.root,
        after: now.root,
        payload: { checkpoint: old.checkpoint, origin: now.origin },
      });
    return this.#log.fork(record);
  }

  async drain(): Promise<void> {
    this.#writeFloods(Number.POSITIVE_INFINITY);
    await this.#commits.idle();
    this.#log.stop();
    await this.#log.run({ now: true });
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#cancelTick();
    await this.#commits.idle();
    this.#closed = true;
    await Promise.all(this.#underWay.values());
    await this.#closeEpoch().catch((error: unknown) => this.#options.report('the epoch could not be closed', error));
    await this.drain();
    this.#log.stop();
    await this.#log.settle().catch((error: unknown) => this.#options.report('the log could not be flushed', error));
  }

  /** What nobody will say any more is `unknown`; then the epoch takes nothing. */
  async #closeEpoch(): Promise<void> {
    this.#writeFloods(Number.POSITIVE_INFINITY);
    await this.#commits.idle();
    const { epoch } = this.#writer;
    await this.#options.db.transaction(async (tx) => {
      const open = await openIntents(tx, { epoch, settled: this.#open.settled() });
      const drafts = open.map((row) => this.#drafter.unknown(row, 'gateway_stopped'));
      if (drafts.length > 0) await this.#writer.write(tx, drafts, this.#open.settled());
      await closeEpoch(tx, epoch, Number.MAX_SAFE_INTEGER);
    });
  }

  /** After another replica closed this epoch (this process was away for long): what was open then is `unknown`. */
  async #reopen(closed: number): Promise<void> {
    if (this.#closed) throw new StorageError('closed', 'the log is closed');
    if (this.#writer.epoch !== closed) return;
    // Whoever finds it closed asks; one epoch follows.
    this.#reopening ??= nextEpoch(this.#options)
      .then((epoch) => {
        this.#writer = new EpochWriter(this.#options.replica, epoch);
        this.#open.clear();
      })
      .finally(() => {
        this.#reopening = undefined;
      });
    await this.#reopening;
  }

  #unable(): Refusal | undefined {
    if (this.#closed) return refuse('gateway_stopping', 'the log is closed');
    const { forked } = this.#log;
    if (forked !== undefined) return refuse('log_forked', forked);
    if (this.#space.low) return refuse('log_unavailable', 'the disk is almost full');
    if (this.#commits.waiting >= WAITING_MAX) return refuse('log_unavailable', `${WAITING_MAX} items wait for the log`);
    return undefined;
  }

  #submit(draft: Draft, epoch?: number): Promise<ItemResult> {
    const only = epoch === undefined ? {} : { epoch };
    return new Promise((settle) => this.#commits.add({ draft, demands: undefined, settle, ...only }));
  }

  #references(facts: { parent?: string | null; continues?: string | null }): References | Promise<References> {
    const { parent, continues } = facts;
    if (!parent && !continues) return NO_REFERENCES;
    const { db } = this.#options;
    const seat = async (id: string | null | undefined) =>
      id ? (this.#open.seat(id) ?? (await seatById(db, id))) : null;
    return Promise.all([seat(parent), seat(continues)]).then(([about = null, follows = null]) => ({ about, follows }));
  }

  #onCommitted(count: number): void {
    const recovered = this.#failure !== undefined;
    this.#failure = undefined;
    this.#log.touch(count);
    if (recovered) this.#options.changed?.();
  }

  #onFailed(error: unknown): void {
    this.#failure = error instanceof Error ? error.message : String(error);
    this.#options.changed?.();
    this.#space
      .relieve()
      .catch((problem: unknown) => this.#options.report('the reserve could not be released', problem));
  }

  #tickLater(): void {
    this.#cancelTick = this.#options.clock.after(TICK_MS, () => {
      if (this.#closed) return;
      this.#tick();
      this.#tickLater();
    });
  }

  /** Nothing here waits for anything else: a slow disk or witness must not stop the heartbeat, nor a lost database the log. */
  #tick(): void {
    this.#ticks += 1;
    this.#writeFloods(this.#second());
    this.#aside('the disk could not be looked at', () => this.#look());
    // One process on one disk: nobody else waits for its heartbeat.
    if (this.#options.db.dialect === 'postgres') {
      this.#aside('the heartbeat could not be written', () => this.#beat());
      this.#aside('lapsed epochs could not be closed', () => this.#takeOver());
    }
    this.#aside('the log could not be sequenced', () => this.#log.run());
    if (this.#ticks % SETTLE_TICKS === 0) this.#aside('the log could not be flushed', () => this.#log.settle());
  }

  /** Begins work that nobody waits for, unless the last of its kind is still under way. */
  #aside(problem: string, work: () => Promise<unknown>): void {
    if (this.#underWay.has(problem)) return;
    const done = work()
      .catch((error: unknown) => this.#options.report(problem, error))
      .finally(() => this.#underWay.delete(problem));
    this.#underWay.set(problem, done);
  }

  async #look(): Promise<void> {
    const { low } = this.#space;
    await this.#space.check();
    if (this.#space.low !== low) this.#options.changed?.();
  }

  async #beat(): Promise<void> {
    const { epoch } = this.#writer;
    if (!(await beat(this.#options.db, epoch))) await this.#reopen(epoch);
  }

  async #takeOver(): Promise<void> {
    const parts = { db: this.#options.db, drafter: this.#drafter, writer: this.#writer };
    if ((await takeOverLapsed({ ...parts, settled: () => this.#open.settled() })) > 0) this.#log.touch();
  }

  #writeFloods(before: number): void {
    for (const flood of this.#floods.take(before)) {
      void this.#submit(this.#drafter.flood(flood)).then((result) => {
        // Counted on under the current second, so that a full disk makes them late, not lost.
        if (result.kind !== 'written') this.#floods.add({ ...flood, second: this.#second() });
      });
    }
  }

  #now(): number {
    return this.#options.clock.now();
  }

  #second(): number {
    return Math.floor(this.#now() / 1000);
  }
}

function unavailable(error: unknown): Refusal {
  return refuse('log_unavailable', error instanceof Error ? error.message : String(error));
}
