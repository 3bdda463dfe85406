import { hash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Hash, rootOver } from './merkle.ts';
import { type Placement, placementAt } from './receipt-shape.ts';
import { encodeHashes, entryBounds, HASH_BYTES, TILE_WIDTH, tilePath, widthOf } from './tiles.ts';
import type { Problem, ProblemCode } from './verify-report.ts';

/** The receipts of one epoch within one bundle: they follow each other, so only the ends matter to the rest. */
export type Run = {
  epoch: number;
  replica: string;
  first: { n: number; prev: Hash | null; at: number };
  last: { n: number; leaf: Hash; at: number };
};

/** All that the rest of the log needs to know of one bundle. Small, since it crosses threads. */
export type BundleSummary = {
  index: number;
  /** Root of its entries. */
  root: Hash;
  /** All of them, where a kept checkpoint ends within the bundle, and in an incomplete one. */
  leaves: readonly Hash[] | undefined;
  runs: readonly Run[];
  /** Intents that are open at its end, and outcomes of intents before it. */
  intents: readonly string[];
  outcomes: readonly { intent: string; at: number }[];
  bytes: number;
  problems: readonly Problem[];
};

export type BundleTask = { index: number; size: number; needsLeaves: boolean };

/** Every version that was ever written: a log outlives the gateway that began it. */
const VERSIONS: ReadonlySet<unknown> = new Set([1, 2]);
const KINDS: ReadonlySet<unknown> = new Set(['intent', 'outcome', 'refusal', 'hold', 'control', 'flood', 'gap']);

/** Reads and checks one bundle of the log in `folder`: hashes against the tile, then the receipts among themselves. */
export function checkBundle(folder: string, { index, size, needsLeaves }: BundleTask): BundleSummary {
  const width = widthOf(0, index, size);
  const check = new BundleCheck(index * TILE_WIDTH);
  const bundle = readTile(folder, 'entries', index, width);
  if (bundle === undefined) check.problem('bundle_missing', 0, `${tilePath('entries', index, width)} is missing`);
  else check.entries(bundle.bytes, width, bundle.isFull);
  const tile = readTile(folder, '0', index, width);
  const hashes = tile?.isFull === true ? tile.bytes.subarray(0, width * HASH_BYTES) : tile?.bytes;
  if (hashes?.length !== width * HASH_BYTES) {
    check.problem('tile_missing', 0, `${tilePath('0', index, width)} is missing or has another size`);
  } else check.tile(hashes);
  const bytes = (bundle?.bytes.length ?? 0) + (tile?.bytes.length ?? 0);
  return check.summary(index, needsLeaves || width < TILE_WIDTH, bytes);
}

/** An incomplete tile, or the full one that took its place while a living log is checked: it begins with the same. */
export function readTile(folder: string, kind: string, index: number, width: number) {
  const own = readOr(join(folder, tilePath(kind, index, width)));
  if (own !== undefined) return { bytes: own, isFull: width === TILE_WIDTH };
  const full = width === TILE_WIDTH ? undefined : readOr(join(folder, tilePath(kind, index, TILE_WIDTH)));
  return full === undefined ? undefined : { bytes: full, isFull: true };
}

function readOr(path: string): Buffer | undefined {
  try {
    return readFileSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

class BundleCheck {
  readonly #start: number;
  readonly #leaves: Hash[] = [];
  readonly #runs = new Map<string, Run>();
  #last: Run | undefined;
  readonly #intents = new Set<string>();
  readonly #outcomes: { intent: string; at: number }[] = [];
  readonly #problems: Problem[] = [];

  constructor(start: number) {
    this.#start = start;
  }

  problem(code: ProblemCode, at: number, detail: string): void {
    this.#problems.push({ code, position: this.#start + at, detail });
  }

  entries(bytes: Buffer, width: number, isFull: boolean): void {
    const bounds = entryBounds(bytes);
    if (bounds === undefined) {
      this.problem('bundle_unreadable', 0, 'the lengths of its entries do not add up');
      return;
    }
    if (bounds.length < width || (bounds.length > width && !(isFull && bounds.length === TILE_WIDTH))) {
      const at = Math.min(bounds.length, width);
      this.problem('entry_missing', at, `the bundle has ${bounds.length} entries, the checkpoint covers ${width}`);
    }
    const text = bytes.toString('latin1');
    const count = Math.min(bounds.length, width);
    for (let at = 0; at < count; at += 1) {
      const { from, to } = bounds[at]!;
      // The byte before the entry is the last of its length, which was read: it serves as the 0x00 of RFC 6962.
      bytes[from - 1] = 0;
      const leaf = hash('sha256', bytes.subarray(from - 1, to), 'hex');
      this.#leaves.push(leaf);
      const receipt = placementAt(text, from, to) ?? parsed(bytes.toString('utf8', from, to));
      if (receipt === undefined) this.problem('entry_unreadable', at, 'the entry is not a receipt');
      else this.#receipt(receipt, leaf, at);
    }
  }

  tile(bytes: Buffer): void {
    if (encodeHashes(this.#leaves).equals(bytes)) return;
    const hashes = bytes.toString('hex');
    const at = this.#leaves.findIndex((leaf, position) => !hashes.startsWith(leaf, position * 64));
    if (at >= 0) this.problem('entry_changed', at, 'the entry is not the one that the tree has here');
  }

  summary(index: number, needsLeaves: boolean, bytes: number): BundleSummary {
    return {
      index,
      root: rootOver(this.#leaves),
      leaves: needsLeaves ? this.#leaves : undefined,
      runs: [...this.#runs.values()],
      intents: [...this.#intents],
      outcomes: this.#outcomes,
      bytes,
      problems: this.#problems,
    };
  }

  #receipt(receipt: Placement, leaf: Hash, at: number): void {
    this.#place(receipt, leaf, at);
    if (receipt.kind === 'intent') this.#intents.add(receipt.id);
    const { intent } = receipt;
    if (receipt.kind !== 'outcome' || intent === undefined || this.#intents.delete(intent)) return;
    this.#outcomes.push({ intent, at: this.#start + at });
  }

  #place({ epoch, replica, n, prev }: Placement, leaf: Hash, at: number): void {
    const position = this.#start + at;
    const run = this.#run(epoch, replica);
    if (run === undefined) {
      this.#last = { epoch, replica, first: { n, prev, at: position }, last: { n, leaf, at: position } };
      this.#runs.set(`${epoch} ${replica}`, this.#last);
      return;
    }
    const { last } = run;
    if (n !== last.n + 1 || prev !== last.leaf) {
      const problem = placeProblem(last, { n, prev, at: position }, epoch);
      if (problem !== undefined) this.#problems.push(problem);
    }
    last.n = n;
    last.leaf = leaf;
    last.at = position;
  }

  /** Receipts of one epoch mostly stand together. */
  #run(epoch: number, replica: string): Run | undefined {
    if (this.#last?.epoch !== epoch || this.#last.replica !== replica)
      this.#last = this.#runs.get(`${epoch} ${replica}`);
    return this.#last;
  }
}

/** What is wrong between two receipts that should follow each other in an epoch. */
export function placeProblem(before: Run['last'] | undefined, next: Run['first'], epoch: number): Problem | undefined {
  const expected = before === undefined ? 0 : before.n + 1;
  if (next.n !== expected) {
    return {
      code: 'place_missing',
      position: next.at,
      detail: `receipt ${expected} of epoch ${epoch} should stand here`,
    };
  }
  if (next.prev === (before?.leaf ?? null)) return undefined;
  const detail = `the receipt after it in epoch ${epoch}, entry ${next.at}, names another`;
  return { code: 'chain_broken', position: before?.at ?? next.at, detail };
}

/** Only what is checked here; the rest of a receipt is covered by the hashes. */
function parsed(text: string): Placement | undefined {
  let receipt: Partial<Record<string, unknown>> | null;
  try {
    receipt = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof receipt !== 'object' || receipt === null) return undefined;
  const { version, id, kind, replica, epoch, n, prev, intent } = receipt;
  const isPlaced = typeof replica === 'string' && isCount(epoch) && isCount(n);
  const isChained = prev === null || (typeof prev === 'string' && prev.length === 64);
  if (!VERSIONS.has(version) || typeof id !== 'string' || !KINDS.has(kind) || !isPlaced || !isChained) return undefined;
  if (kind === 'outcome' && typeof intent !== 'string') return undefined;
  return receipt as Placement;
}

function isCount(value: unknown): boolean {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}
