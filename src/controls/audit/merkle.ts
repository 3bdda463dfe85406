import { hash } from 'node:crypto';

/**
 * The tree of RFC 6962, section 2.1 (SHA-256). Hashes are 64 hex digits: Node returns text from its one-shot hash six
 * times as fast as bytes, and they are what receipts and reports show.
 */
export type Hash = string;

export const EMPTY_ROOT: Hash = hash('sha256', '', 'hex');

/** Begins with the 0x00; room for the largest entry, whatever its characters. */
const leaf = Buffer.alloc(1 + 65_535 * 3);

/** SHA-256(0x00 ‖ entry). */
export function leafHash(entry: string): Hash {
  if (entry.length > 65_535) return hash('sha256', `\0${entry}`, 'hex');
  const bytes = leaf.write(entry, 1);
  return hash('sha256', leaf.subarray(0, bytes + 1), 'hex');
}

const pair = Buffer.alloc(65, 1);

/** SHA-256(0x01 ‖ left ‖ right). */
export function nodeHash(left: Hash, right: Hash): Hash {
  pair.write(left, 1, 'hex');
  pair.write(right, 33, 'hex');
  return hash('sha256', pair, 'hex');
}

/** The largest power of two below `n`, which must be at least 2: where RFC 6962 splits a tree of `n` leaves. */
export function splitOf(n: number): number {
  let k = 1;
  while (k * 2 < n) k *= 2;
  return k;
}

/** Root over subtrees of one height, of which the last may be smaller. */
export function rootOver(hashes: readonly Hash[]): Hash {
  if (hashes.length === 0) return EMPTY_ROOT;
  if (Number.isInteger(Math.log2(hashes.length))) return completeRoot(hashes);
  const k = splitOf(hashes.length);
  return nodeHash(rootOver(hashes.slice(0, k)), rootOver(hashes.slice(k)));
}

/** Over a power of two of them, in place in one run of bytes. */
export function completeRoot(hashes: readonly Hash[]): Hash {
  if (hashes.length === 1) return hashes[0]!;
  const bytes = Buffer.from(hashes.join(''), 'hex');
  for (let width = hashes.length / 2; width > 1; width /= 2) {
    for (let at = 0; at < width; at += 1) {
      bytes.copy(pair, 1, at * 64, at * 64 + 64);
      bytes.write(hash('sha256', pair, 'latin1'), at * 32, 'latin1');
    }
  }
  bytes.copy(pair, 1, 0, 64);
  return hash('sha256', pair, 'hex');
}

type Subtree = { height: number; hash: Hash };

/** The complete subtrees that make up a tree, largest first: all that is needed to append to it and to know its root. */
export class Frontier {
  readonly #subtrees: Subtree[];

  constructor(subtrees: readonly Subtree[] = []) {
    this.#subtrees = [...subtrees];
  }

  /** `onComplete` hears of each subtree that this leaf completes, smallest first. */
  append(leaf: Hash, onComplete?: (height: number, hash: Hash) => void): void {
    let height = 0;
    let complete = leaf;
    while (this.#subtrees.at(-1)?.height === height) {
      complete = nodeHash(this.#subtrees.pop()!.hash, complete);
      height += 1;
      onComplete?.(height, complete);
    }
    this.#subtrees.push({ height, hash: complete });
  }

  root(): Hash {
    const rest = this.#subtrees.slice(0, -1);
    const last = this.#subtrees.at(-1);
    return last === undefined ? EMPTY_ROOT : rest.reduceRight((root, { hash }) => nodeHash(hash, root), last.hash);
  }

  /** Root with one more subtree at the right, smaller than any here. */
  rootWith(smaller: Hash): Hash {
    return this.#subtrees.reduceRight((root, { hash }) => nodeHash(hash, root), smaller);
  }

  copy(): Frontier {
    return new Frontier(this.#subtrees);
  }
}
