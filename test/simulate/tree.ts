import { createHash } from 'node:crypto';

/** RFC 6962, section 2.1, written a second time: what the product computes is held against it. */
export class Tree {
  size = 0;
  /** Roots of complete subtrees, the largest first; their sizes are the bits of `size`. */
  #peaks: Buffer[] = [];
  readonly #leaves: Buffer[] = [];

  append(entry: string): void {
    const leaf = digest(0, Buffer.from(entry));
    this.#leaves.push(leaf);
    let node = leaf;
    for (let bits = this.size; (bits & 1) === 1; bits >>>= 1) node = digest(1, this.#peaks.pop()!, node);
    this.#peaks.push(node);
    this.size++;
  }

  root(): string {
    if (this.#peaks.length === 0) return createHash('sha256').digest('hex');
    return this.#peaks.reduceRight((right, left) => digest(1, left, right)).toString('hex');
  }

  /** The root as it was at `size`. */
  rootAt(size: number): string {
    if (size === this.size) return this.root();
    const earlier = new Tree();
    for (const leaf of this.#leaves.slice(0, size)) earlier.#graft(leaf);
    return earlier.root();
  }

  #graft(leaf: Buffer): void {
    let node = leaf;
    for (let bits = this.size; (bits & 1) === 1; bits >>>= 1) node = digest(1, this.#peaks.pop()!, node);
    this.#peaks.push(node);
    this.size++;
  }
}

export function leafOf(entry: string): string {
  return digest(0, Buffer.from(entry)).toString('hex');
}

function digest(prefix: number, ...parts: Buffer[]): Buffer {
  const hash = createHash('sha256').update(Uint8Array.of(prefix));
  for (const part of parts) hash.update(part);
  return hash.digest();
}
