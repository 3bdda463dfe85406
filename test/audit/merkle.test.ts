import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { EMPTY_ROOT, Frontier, leafHash, rootOver } from '../../src/controls/audit/merkle.ts';
import { consistencyProof, extendsTree, includes, inclusionProof } from '../../src/controls/audit/proofs.ts';

/** The vectors of RFC 6962's reference implementation, as transparency-dev/merkle carries them. */
const LEAVES = ['', '00', '10', '2021', '3031', '40414243', '5051525354555657', '606162636465666768696a6b6c6d6e6f'];
const ROOTS = [
  'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
  '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
  'fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125',
  'aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77',
  'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
  '4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4',
  '76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef',
  'ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c',
  '5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328',
];

/** RFC 6962, section 2.1, word for word: what the quick ones are held against. */
function plainRoot(leaves: readonly string[]): string {
  if (leaves.length === 0) return EMPTY_ROOT;
  if (leaves.length === 1) return leaves[0]!;
  let k = 1;
  while (k * 2 < leaves.length) k *= 2;
  const bytes = Buffer.concat([
    Buffer.of(1),
    Buffer.from(plainRoot(leaves.slice(0, k)), 'hex'),
    Buffer.from(plainRoot(leaves.slice(k)), 'hex'),
  ]);
  return createHash('sha256').update(bytes).digest('hex');
}

const leavesOf = (size: number) => Array.from({ length: size }, (_, at) => leafHash(`entry ${at}`));
const nodesOf = (leaves: readonly string[]) => async (height: number, index: number) =>
  plainRoot(leaves.slice(index * 2 ** height, (index + 1) * 2 ** height));
const flipped = (hash: string) => (hash.startsWith('0') ? '1' : '0') + hash.slice(1);

test('roots of the reference vectors, size by size', () => {
  const frontier = new Frontier();
  assert.equal(frontier.root(), ROOTS[0]);
  for (const [at, leaf] of LEAVES.entries()) {
    // The quick leaf hash takes text; the vectors' bytes above 0x7f do not occur.
    frontier.append(leafHash(Buffer.from(leaf, 'hex').toString('utf8')));
    assert.equal(frontier.root(), ROOTS[at + 1]);
  }
});

test('a tree grown leaf by leaf has the root that the definition gives', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 600 }), (size) => {
      const leaves = leavesOf(size);
      const frontier = new Frontier();
      for (const leaf of leaves) frontier.append(leaf);
      assert.equal(frontier.root(), plainRoot(leaves));
      assert.equal(rootOver(leaves), plainRoot(leaves));
    }),
    { numRuns: 40 },
  );
});

test('every entry of every small tree is proven, and nothing else is', async () => {
  for (let size = 1; size <= 20; size += 1) {
    const leaves = leavesOf(size);
    const root = plainRoot(leaves);
    for (let index = 0; index < size; index += 1) {
      const proof = await inclusionProof(index, size, nodesOf(leaves));
      assert.ok(includes(index, size, leaves[index]!, proof, root), `${index} of ${size}`);
      assert.ok(!includes(index, size, leafHash('another'), proof, root));
      assert.ok(!includes(index, size, leaves[index]!, [...proof, root], root), 'a longer proof');
      assert.ok(!includes(index, size, leaves[index]!, proof, flipped(root)));
      if (size > 1) assert.ok(!includes((index + 1) % size, size, leaves[index]!, proof, root), 'another place');
      if (proof.length > 0) {
        assert.ok(!includes(index, size, leaves[index]!, proof.slice(1), root), 'a shorter proof');
        assert.ok(!includes(index, size, leaves[index]!, [flipped(proof[0]!), ...proof.slice(1)], root));
      }
    }
    assert.ok(!includes(size, size, leaves[0]!, [], root), 'beyond the end');
  }
});

test('every tree extends every smaller one, and no rewritten one', async () => {
  for (let size = 1; size <= 20; size += 1) {
    const leaves = leavesOf(size);
    const now = { size, root: plainRoot(leaves) };
    for (let old = 1; old <= size; old += 1) {
      const before = { size: old, root: plainRoot(leaves.slice(0, old)) };
      const proof = await consistencyProof(old, size, nodesOf(leaves));
      assert.ok(extendsTree(before, now, proof), `${old} to ${size}`);
      assert.ok(!extendsTree({ ...before, root: flipped(before.root) }, now, proof));
      assert.ok(!extendsTree(before, { ...now, root: flipped(now.root) }, proof));
      assert.ok(!extendsTree(before, now, [...proof, now.root]));
      assert.ok(!extendsTree({ ...before, size: size + 1 }, now, proof));
      if (proof.length > 0) assert.ok(!extendsTree(before, now, proof.slice(1)));
    }
  }
});
