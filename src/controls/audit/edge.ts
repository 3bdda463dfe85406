import { completeRoot, Frontier, type Hash } from './merkle.ts';
import { hashesOn, levelsOf, TILE_WIDTH } from './tiles.ts';

export type FullTile = { level: number; index: number; hashes: readonly Hash[] };
export type FullBundle = { index: number; entries: readonly string[] };

/**
 * The right edge of the tree: the incomplete tile of each level and the incomplete bundle, from which the tree grows. What
 * became full since it was last published waits in `tiles` and `bundles`.
 */
export class Edge {
  #size: number;
  #frontier: Frontier;
  /** Hashes of the incomplete tile, by level. */
  readonly #levels: Hash[][];
  #entries: string[];
  #tiles: FullTile[] = [];
  #bundles: FullBundle[] = [];

  private constructor(size: number, levels: readonly (readonly Hash[])[], entries: readonly string[]) {
    this.#size = size;
    this.#levels = levels.map((hashes) => [...hashes]);
    this.#entries = [...entries];
    this.#frontier = new Frontier(subtreesOf(levels));
  }

  static empty(): Edge {
    return new Edge(0, [], []);
  }

  /** From what was published for the tree of `size`: the incomplete tile of each level, and the incomplete bundle. */
  static restore(size: number, levels: readonly (readonly Hash[])[], entries: readonly string[]): Edge {
    const fits =
      levels.length === levelsOf(size) && levels.every((hashes, level) => hashes.length === partial(level, size));
    if (!fits || entries.length !== partial(0, size)) throw new Error('not the edge of a tree of that size');
    return new Edge(size, levels, entries);
  }

  get size(): number {
    return this.#size;
  }

  root(): Hash {
    return this.#frontier.root();
  }

  append(entry: string, leaf: Hash): void {
    this.#entries.push(entry);
    this.#push(0, leaf);
    this.#frontier.append(leaf, (height, hash) => {
      if (height % 8 === 0) this.#push(height / 8, hash);
    });
    this.#size += 1;
    if (this.#entries.length < TILE_WIDTH) return;
    this.#bundles.push({ index: this.#size / TILE_WIDTH - 1, entries: this.#entries });
    this.#entries = [];
  }

  /** A copy to try an append on; what waits to be published stays with the original. */
  copy(): Edge {
    return new Edge(this.#size, this.#levels, this.#entries);
  }

  /** Adds to `this` what waited in `earlier`, the edge that it grew from. */
  inherit(earlier: Edge): void {
    this.#tiles = [...earlier.#tiles, ...this.#tiles];
    this.#bundles = [...earlier.#bundles, ...this.#bundles];
  }

  /** What there is to publish. The caller sees to it that all of it is written. */
  take(): Publication {
    const levels = this.#levels.map((hashes) => [...hashes]);
    return { ...this.takeFull(), size: this.#size, root: this.root(), levels, entries: [...this.#entries] };
  }

  takeFull(): Full {
    const full = { tiles: this.#tiles, bundles: this.#bundles };
    this.#tiles = [];
    this.#bundles = [];
    return full;
  }

  #push(level: number, hash: Hash): void {
    const hashes = this.#levels[level] ?? [];
    this.#levels[level] = hashes;
    hashes.push(hash);
    if (hashes.length < TILE_WIDTH) return;
    const index = Math.floor(this.#size / TILE_WIDTH ** (level + 1));
    this.#tiles.push({ level, index, hashes });
    this.#levels[level] = [];
  }
}

export type Full = { tiles: readonly FullTile[]; bundles: readonly FullBundle[] };

export type Publication = Full & {
  size: number;
  root: Hash;
  levels: readonly (readonly Hash[])[];
  entries: readonly string[];
};

/** Hashes in the incomplete tile of `level`. */
export function partial(level: number, size: number): number {
  return hashesOn(level, size) % TILE_WIDTH;
}

/** Each incomplete tile as complete subtrees, largest first. */
function subtreesOf(levels: readonly (readonly Hash[])[]): { height: number; hash: Hash }[] {
  return levels.flatMap((hashes, level) => split(hashes, level * 8)).toSorted((a, b) => b.height - a.height);
}

function split(hashes: readonly Hash[], height: number): { height: number; hash: Hash }[] {
  const subtrees: { height: number; hash: Hash }[] = [];
  let at = 0;
  for (let bit = 7; bit >= 0; bit -= 1) {
    const width = 2 ** bit;
    if (hashes.length - at < width) continue;
    subtrees.push({ height: height + bit, hash: completeRoot(hashes.slice(at, at + width)) });
    at += width;
  }
  return subtrees;
}
