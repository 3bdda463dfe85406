import { type Hash, nodeHash, splitOf } from './merkle.ts';

/** Hash of the complete subtree of `height` with that index among those of its height. */
export type NodeReader = (height: number, index: number) => Promise<Hash>;

/** RFC 6962, section 2.1.1: what shows that the leaf at `index` is in the tree of `size`. */
export async function inclusionProof(index: number, size: number, node: NodeReader): Promise<Hash[]> {
  return Promise.all(inclusionRanges(index, 0, size).map((range) => rangeHash(range, node)));
}

/** RFC 6962, section 2.1.2: what shows that the tree of `size` begins with the tree of `old`. */
export async function consistencyProof(old: number, size: number, node: NodeReader): Promise<Hash[]> {
  if (old === 0 || old === size) return [];
  return Promise.all(consistencyRanges(old, 0, size, true).map((range) => rangeHash(range, node)));
}

type Range = { from: number; to: number };

function inclusionRanges(index: number, from: number, to: number): Range[] {
  if (to - from === 1) return [];
  const middle = from + splitOf(to - from);
  return index < middle
    ? [...inclusionRanges(index, from, middle), { from: middle, to }]
    : [...inclusionRanges(index, middle, to), { from, to: middle }];
}

function consistencyRanges(old: number, from: number, to: number, isWhole: boolean): Range[] {
  if (old === to) return isWhole ? [] : [{ from, to }];
  const middle = from + splitOf(to - from);
  return old <= middle
    ? [...consistencyRanges(old, from, middle, isWhole), { from: middle, to }]
    : [...consistencyRanges(old, middle, to, false), { from, to: middle }];
}

async function rangeHash({ from, to }: Range, node: NodeReader): Promise<Hash> {
  const leaves = to - from;
  const height = Math.log2(leaves);
  if (Number.isInteger(height) && from % leaves === 0) return node(height, from / leaves);
  const middle = from + splitOf(leaves);
  return nodeHash(await rangeHash({ from, to: middle }, node), await rangeHash({ from: middle, to }, node));
}

/** RFC 9162, section 2.1.3.2. */
export function includes(index: number, size: number, leaf: Hash, proof: readonly Hash[], root: Hash): boolean {
  if (index < 0 || index >= size) return false;
  let at = index;
  let last = size - 1;
  let running = leaf;
  for (const step of proof) {
    if (last === 0) return false;
    if (at % 2 === 1 || at === last) {
      running = nodeHash(step, running);
      while (at % 2 === 0 && at !== 0) [at, last] = [at / 2, half(last)];
    } else {
      running = nodeHash(running, step);
    }
    [at, last] = [half(at), half(last)];
  }
  return last === 0 && running === root;
}

/** RFC 9162, section 2.1.4.2. */
export function extendsTree(
  old: { size: number; root: Hash },
  now: { size: number; root: Hash },
  proof: readonly Hash[],
): boolean {
  if (old.size > now.size) return false;
  if (old.size === now.size) return proof.length === 0 && old.root === now.root;
  if (old.size === 0) return proof.length === 0;
  const isComplete = Number.isInteger(Math.log2(old.size));
  const [first, ...rest] = isComplete ? [old.root, ...proof] : proof;
  if (first === undefined) return false;
  let at = old.size - 1;
  let last = now.size - 1;
  while (at % 2 === 1) [at, last] = [half(at), half(last)];
  let oldRoot = first;
  let newRoot = first;
  for (const step of rest) {
    if (last === 0) return false;
    if (at % 2 === 1 || at === last) {
      oldRoot = nodeHash(step, oldRoot);
      newRoot = nodeHash(step, newRoot);
      while (at % 2 === 0 && at !== 0) [at, last] = [at / 2, half(last)];
    } else {
      newRoot = nodeHash(newRoot, step);
    }
    [at, last] = [half(at), half(last)];
  }
  return last === 0 && oldRoot === old.root && newRoot === now.root;
}

function half(n: number): number {
  return Math.floor(n / 2);
}
