import type { ProofClaim } from '../../core/principal.ts';
import { type Database, isStorageError, type Transaction } from '../../storage/index.ts';
import { type Draft, EpochClosed, type EpochWriter } from './epoch.ts';

/** What the state of the world must be for an item to be written, checked inside the transaction that writes it. */
export type Demands = { decided_under: number; decided_until: number | undefined; proof: ProofClaim | undefined };

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
  /** Opens a new epoch after that one was closed, unless it has happened already. */
  reopen: (closed: number) => Promise<void>;
  committed: (count: number) => void;
};

/** Above this nobody waits with hope: a request that would is refused at once. */
export const WAITING_MAX = 8_192;
const GROUP_MAX = 256;
const FOREVER = Number.POSITIVE_INFINITY;
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
        // One receipt that cannot be written at all must not take the others with it.
        if (group.length > 1 && !isStorageError(error)) return this.#oneByOne(group);
        // A duplicate is a receipt that is there already, from a try whose answer was lost.
        const uncertain = isStorageError(error, 'uncertain') || isStorageError(error, 'duplicate');
        for (const item of group) item.settle({ kind: 'failed', error, uncertain });
        return;
      }
    }
  }

  async #oneByOne(group: readonly Item[]): Promise<void> {
    for (const item of group) await this.#commit([item]);
  }

  async #mayRepeat(error: unknown): Promise<boolean> {
    if (!(error instanceof EpochClosed)) return isStorageError(error, 'conflict');
    return this.#parts.reopen(error.epoch).then(
      () => true,
      () => false,
    );
  }

  async #attempt(group: readonly Item[]): Promise<void> {
    const preface = this.#parts.preface();
    // One epoch for the whole attempt: while it waits, a new one may be opened, where the outcomes of the old have no place.
    const writer = this.#parts.writer();
    const refused = new Map<Item, ItemResult>();
    let kept: readonly Item[] = [];
    const written = await this.#parts.db.transaction(async (tx) => {
      refused.clear();
      setAside(group, writer, refused);
      await this.#judge(tx, group, refused);
      kept = refused.size === 0 ? group : group.filter((item) => !refused.has(item));
      if (kept.length === 0) return undefined;
      const drafts = kept.map(({ draft }) => draft);
      if (preface !== undefined) drafts.unshift(preface.draft);
      return writer.write(tx, drafts, this.#parts.settled());
    });
    if (written !== undefined) {
      writer.remember(written);
      preface?.written();
    }
    const first = (written?.seat ?? 0) + (preface === undefined ? 0 : 1);
    for (const [at, item] of kept.entries()) item.settle({ kind: 'written', seat: first + at });
    for (const [item, result] of refused) item.settle(result);
    if (written !== undefined) this.#parts.committed(written.receipts.length);
  }

  /** Only what is not stale claims its proof: a stale item comes back with the same one. */
  async #judge(tx: Transaction, group: readonly Item[], refused: Map<Item, ItemResult>): Promise<void> {
    if (!group.some(({ demands }) => demands !== undefined)) return;
    const version = await this.#parts.stateVersion(tx);
    const timed = group.some(({ demands }) => demands?.decided_until !== undefined);
    // What nobody put an end to costs no question about the time.
    const now = timed ? await tx.now() : 0;
    const items: Item[] = [];
    const proofs: ProofClaim[] = [];
    for (const item of group) {
      if (item.demands === undefined) continue;
      const { decided_under, decided_until, proof } = item.demands;
      if (decided_under !== version || (decided_until ?? FOREVER) <= now) refused.set(item, { kind: 'stale' });
      else if (proof !== undefined) {
        items.push(item);
        proofs.push(proof);
      }
    }
    if (proofs.length === 0) return;
    const claimed = await this.#parts.claimProofs(tx, proofs);
    for (const [at, item] of items.entries()) if (claimed[at] !== true) refused.set(item, { kind: 'replayed' });
  }
}

/** What belongs to another epoch has been given its end there. */
function setAside(group: readonly Item[], { epoch }: EpochWriter, refused: Map<Item, ItemResult>): void {
  for (const item of group) {
    if (item.epoch === undefined || item.epoch === epoch) continue;
    refused.set(item, { kind: 'failed', error: new EpochClosed(item.epoch), uncertain: false });
  }
}
