import type { ProofClaim } from '../../core/principal.ts';
import { type Database, isStorageError, type Transaction } from '../../storage/index.ts';
import { type Draft, EpochClosed, type EpochWriter } from './epoch.ts';

/** What the state of the world must be for an item to be written, checked inside the transaction that writes it. */
export type Demands = { decided_under: number; proof: ProofClaim | undefined };

export type Item = {
  draft: Draft;
  demands: Demands | undefined;
  /** The only epoch that it may be written in; outcomes of a closed one are `unknown` already. */
  epoch?: number;
  settle(result: ItemResult): void;
};

export type ItemResult =
  | { kind: 'written'; seat: number }
  | { kind: 'stale' }
  | { kind: 'replayed' }
  /** `uncertain`: it may have been written all the same. */
  | { kind: 'failed'; error: unknown; uncertain: boolean };

export type GroupParts = {
  db: Database;
  claimProofs: (tx: Transaction, claims: readonly ProofClaim[]) => Promise<boolean[]>;
  stateVersion: (tx: Transaction) => Promise<number>;
  defer: (work: () => void) => void;
  writer: () => EpochWriter;
  /** Every intent before that place of the writer's epoch has its outcome. */
  settled: () => number;
  /** A receipt that the next group must begin with (a gap); `written` is told when it is durable. */
  preface: () => { draft: Draft; written: () => void } | undefined;
  /** Opens a new epoch after `EpochClosed`. */
  reopen: () => Promise<void>;
  committed: (count: number) => void;
};

/** Above this nobody waits with hope: a request that would is refused at once. */
export const WAITING_MAX = 8_192;
const GROUP_MAX = 256;
const ATTEMPTS_MAX = 3;

/**
 * One transaction for everybody who waits: a commit costs one flush to disk, or a handful of round trips, however many
 * share it. Items stand alone within it; an item whose demands are not met is left out, the others commit.
 */
export class GroupCommit {
  readonly #parts: GroupParts;
  #queue: Item[] = [];
  #running = false;
  #idle: (() => void)[] = [];

  constructor(parts: GroupParts) {
    this.#parts = parts;
  }

  get waiting(): number {
    return this.#queue.length;
  }

  add(item: Item): void {
    this.#queue.push(item);
    if (this.#running) return;
    this.#running = true;
    this.#parts.defer(() => void this.#turn());
  }

  /** Resolves when nothing waits. */
  idle(): Promise<void> {
    if (!this.#running) return Promise.resolve();
    return new Promise((resolve) => this.#idle.push(resolve));
  }

  /** One group for each turn of the event loop, so that what arrives meanwhile shares the next one. */
  async #turn(): Promise<void> {
    const group = this.#queue.splice(0, GROUP_MAX);
    await this.#commit(group);
    if (this.#queue.length > 0) return this.#parts.defer(() => void this.#turn());
    this.#running = false;
    for (const resolve of this.#idle.splice(0)) resolve();
  }

  async #commit(group: readonly Item[]): Promise<void> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await this.#attempt(group);
      } catch (error) {
        if (attempt < ATTEMPTS_MAX && (await this.#mayRepeat(error))) continue;
        // A duplicate is a receipt that is there already, from a try whose answer was lost.
        const uncertain = isStorageError(error, 'uncertain') || isStorageError(error, 'duplicate');
        for (const item of group) item.settle({ kind: 'failed', error, uncertain });
        return;
      }
    }
  }

  async #mayRepeat(error: unknown): Promise<boolean> {
    if (!(error instanceof EpochClosed)) return isStorageError(error, 'conflict');
    return this.#parts.reopen().then(
      () => true,
      () => false,
    );
  }

  async #attempt(group: readonly Item[]): Promise<void> {
    const preface = this.#parts.preface();
    const results = new Map<Item, ItemResult>();
    const written = await this.#parts.db.transaction(async (tx) => {
      results.clear();
      this.#setAside(group, results);
      await this.#judge(tx, group, results);
      const kept = group.filter((item) => !results.has(item));
      if (kept.length === 0) return 0;
      const drafts = kept.map(({ draft }) => draft);
      if (preface !== undefined) drafts.unshift(preface.draft);
      const first = await this.#parts.writer().write(tx, drafts, this.#parts.settled());
      const offset = preface === undefined ? 0 : 1;
      for (const [at, item] of kept.entries()) results.set(item, { kind: 'written', seat: first + offset + at });
      return drafts.length;
    });
    if (written > 0) preface?.written();
    for (const item of group) item.settle(results.get(item)!);
    if (written > 0) this.#parts.committed(written);
  }

  #setAside(group: readonly Item[], results: Map<Item, ItemResult>): void {
    const { epoch } = this.#parts.writer();
    for (const item of group) {
      if (item.epoch === undefined || item.epoch === epoch) continue;
      results.set(item, { kind: 'failed', error: new EpochClosed(item.epoch), uncertain: false });
    }
  }

  /** Only what is not stale claims its proof: a stale item comes back with the same one. */
  async #judge(tx: Transaction, group: readonly Item[], results: Map<Item, ItemResult>): Promise<void> {
    if (!group.some(({ demands }) => demands !== undefined)) return;
    const version = await this.#parts.stateVersion(tx);
    const claiming: { item: Item; proof: ProofClaim }[] = [];
    for (const item of group) {
      const { demands } = item;
      if (demands === undefined) continue;
      if (demands.decided_under !== version) results.set(item, { kind: 'stale' });
      else if (demands.proof !== undefined) claiming.push({ item, proof: demands.proof });
    }
    if (claiming.length === 0) return;
    const proofs = claiming.map(({ proof }) => proof);
    const claimed = await this.#parts.claimProofs(tx, proofs);
    for (const [at, { item }] of claiming.entries()) {
      if (claimed[at] !== true) results.set(item, { kind: 'replayed' });
    }
  }
}
