import type { ReadCheckpoint } from './checkpoint.ts';
import { Frontier, type Hash } from './merkle.ts';
import { decodeHashes, HASH_BYTES, hashesOn, hashTilePath, levelsOf, TILE_WIDTH, widthOf } from './tiles.ts';
import { type BundleSummary, type BundleTask, placeProblem, type Run, readTile } from './verify-bundle.ts';
import type { Problems } from './verify-report.ts';
import { checkBundles } from './verify-threads.ts';

export type TreeParts = {
  folder: string;
  checkpoint: ReadCheckpoint;
  /** Smallest first, none larger than the log. */
  seen: readonly ReadCheckpoint[];
  problems: Problems;
  onProgress?: ((entries: number, size: number) => void) | undefined;
};

/** Puts the bundles' summaries together: the tree's upper levels and roots, and the receipts across bundles. */
export async function checkTree(parts: TreeParts) {
  const { size } = parts.checkpoint;
  const check = new TreeCheck(parts);
  for await (const summary of checkBundles(parts.folder, tasksOf(size, parts.seen))) {
    check.bundle(summary);
    parts.onProgress?.(Math.min(size, (summary.index + 1) * TILE_WIDTH), size);
  }
  check.end();
  return { seen: check.extended, open_intents: check.open, bytes: check.bytes };
}

function tasksOf(size: number, seen: readonly ReadCheckpoint[]): BundleTask[] {
  const ends = new Set(seen.map((kept) => Math.floor(kept.size / TILE_WIDTH)));
  const bundles = Math.ceil(size / TILE_WIDTH);
  return Array.from({ length: bundles }, (_, index) => ({ index, size, needsLeaves: ends.has(index) }));
}

class TreeCheck {
  readonly #parts: TreeParts;
  readonly #frontier = new Frontier();
  /** Roots of complete tiles, by level: level 1 has one for each full bundle. */
  readonly #upper: Hash[][] = [];
  readonly #epochs = new Map<string, Run['last']>();
  readonly #intents = new Set<string>();
  readonly extended: ReadCheckpoint[] = [];
  #waiting: readonly ReadCheckpoint[];
  /** Leaves of the incomplete bundle. */
  #tail: readonly Hash[] = [];
  #position = 0;
  bytes = 0;

  constructor(parts: TreeParts) {
    this.#parts = parts;
    this.#waiting = parts.seen;
  }

  get open(): number {
    return this.#intents.size;
  }

  bundle(summary: BundleSummary): void {
    for (const { code, position, detail } of summary.problems) this.#parts.problems.add(code, position, detail);
    this.#receipts(summary);
    this.#kept(summary);
    this.bytes += summary.bytes;
    const { leaves } = summary;
    const isFull = (summary.index + 1) * TILE_WIDTH <= this.#parts.checkpoint.size;
    if (isFull) {
      this.#push(1, summary.root);
      this.#frontier.append(summary.root, (height, hash) => {
        if (height % 8 === 0) this.#push(height / 8 + 1, hash);
      });
    }
    this.#position = (summary.index + 1) * TILE_WIDTH;
    this.#tail = isFull ? [] : (leaves ?? []);
  }

  #push(level: number, hash: Hash): void {
    const hashes = this.#upper[level] ?? [];
    this.#upper[level] = hashes;
    hashes.push(hash);
  }

  /** Roots of the kept checkpoints that end in or right before this bundle. */
  #kept({ leaves }: BundleSummary): void {
    while (this.#waiting[0] !== undefined && this.#waiting[0].size < this.#position + TILE_WIDTH) {
      const [kept, ...rest] = this.#waiting;
      this.#waiting = rest;
      this.#compare(kept!, rootWith(this.#frontier, (leaves ?? []).slice(0, kept!.size - this.#position)));
    }
  }

  #compare(kept: ReadCheckpoint, root: Hash): void {
    if (root === kept.root) this.extended.push(kept);
    else {
      const from = this.extended.at(-1)?.size ?? 0;
      const detail = `the first ${kept.size} entries are not those of the kept checkpoint`;
      this.#parts.problems.addRange('history_changed', from, kept.size, detail);
    }
  }

  #receipts({ runs, intents, outcomes }: BundleSummary): void {
    for (const { epoch, replica, first, last } of runs) {
      const key = `${epoch} ${replica}`;
      const problem = placeProblem(this.#epochs.get(key), first, epoch);
      if (problem !== undefined) this.#parts.problems.add(problem.code, problem.position, problem.detail);
      this.#epochs.set(key, last);
    }
    for (const { intent, at } of outcomes) {
      if (this.#intents.delete(intent)) continue;
      this.#parts.problems.add('outcome_without_intent', at, `the outcome of ${intent}, which is not open here`);
    }
    for (const intent of intents) this.#intents.add(intent);
  }

  end(): void {
    const { checkpoint, problems } = this.#parts;
    const root = rootWith(this.#frontier, this.#tail);
    for (const kept of this.#waiting) this.#compare(kept, root);
    this.#upperTiles();
    if (root === checkpoint.root) return;
    problems.addRange('root_differs', 0, checkpoint.size, 'the entries do not have the root that the checkpoint signs');
  }

  /** What nobody needs for checking all of the log, but everybody for checking one entry. */
  #upperTiles(): void {
    const { folder, checkpoint, problems } = this.#parts;
    for (let level = 1; level < levelsOf(checkpoint.size); level += 1) {
      const hashes = this.#upper[level] ?? [];
      for (let tile = 0; tile * TILE_WIDTH < hashesOn(level, checkpoint.size); tile += 1) {
        const width = widthOf(level, tile, checkpoint.size);
        const path = hashTilePath(level, tile, width);
        const read = readTile(folder, String(level), tile, width);
        const bytes = read?.isFull === true ? read.bytes.subarray(0, width * HASH_BYTES) : read?.bytes;
        const published = bytes && decodeHashes(bytes, width);
        const span = TILE_WIDTH ** level;
        const first = tile * TILE_WIDTH;
        if (published === undefined) {
          problems.add('tile_missing', first * span, `${path} is missing or has another size`);
          continue;
        }
        const at = published.findIndex((hash, within) => hash !== hashes[first + within]);
        if (at < 0) continue;
        const from = (first + at) * span;
        problems.addRange('tile_changed', from, from + span, `${path} is not of these entries`);
      }
    }
  }
}

/** Root of full bundles and the leaves after them. */
function rootWith(bundles: Frontier, leaves: readonly Hash[]): Hash {
  const whole = bundles.copy();
  if (leaves.length === 0) return whole.root();
  const rest = new Frontier();
  for (const leaf of leaves) rest.append(leaf);
  return whole.rootWith(rest.root());
}
