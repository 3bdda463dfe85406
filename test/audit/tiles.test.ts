import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Edge } from '../../src/controls/audit/edge.ts';
import { EMPTY_ROOT, Frontier, leafHash } from '../../src/controls/audit/merkle.ts';
import { includes, inclusionProof } from '../../src/controls/audit/proofs.ts';
import {
  bundlePath,
  decodeBundle,
  decodeHashes,
  encodeBundle,
  encodeHashes,
  hashesOn,
  hashTilePath,
  levelsOf,
  tileNodes,
  widthOf,
} from '../../src/controls/audit/tiles.ts';

test("paths are the specification's", () => {
  assert.equal(bundlePath(1_234_067, 256), 'tile/entries/x001/x234/067');
  assert.equal(hashTilePath(0, 273, 112), 'tile/0/273.p/112');
  assert.equal(hashTilePath(2, 0, 1), 'tile/2/000.p/1');
  assert.equal(hashTilePath(0, 1000, 256), 'tile/0/x001/000');
});

test('70 000 entries are 273 full tiles and one of 112, then one full and one of 17, then one of 1', () => {
  const size = 70_000;
  assert.equal(levelsOf(size), 3);
  assert.deepEqual(
    [0, 1, 2].map((level) => hashesOn(level, size)),
    [70_000, 273, 1],
  );
  assert.deepEqual([widthOf(0, 272, size), widthOf(0, 273, size)], [256, 112]);
  assert.deepEqual([widthOf(1, 0, size), widthOf(1, 1, size)], [256, 17]);
  assert.equal(widthOf(2, 0, size), 1);
});

test('bundles hold any text, and lengths that do not add up are noticed', () => {
  const entries = ['{}', '', 'ä€😀', 'x'.repeat(65_535)];
  const bytes = encodeBundle(entries);
  assert.deepEqual(decodeBundle(bytes), entries);
  assert.equal(decodeBundle(bytes.subarray(0, -1)), undefined);
  assert.equal(decodeBundle(Buffer.of(0)), undefined);
  assert.deepEqual(decodeBundle(new Uint8Array()), []);
  assert.equal(decodeHashes(encodeHashes([EMPTY_ROOT]), 2), undefined);
});

/** A log of `size` entries as the publisher would write it, in memory. */
function publish(size: number) {
  const files = new Map<string, Uint8Array>();
  const edge = Edge.empty();
  const entries = Array.from({ length: size }, (_, at) => `entry ${at}`);
  for (const entry of entries) edge.append(entry, leafHash(entry));
  const { tiles, bundles, levels, entries: rest, root } = edge.take();
  for (const { level, index, hashes } of tiles) files.set(hashTilePath(level, index, 256), encodeHashes(hashes));
  for (const { index, entries: full } of bundles) files.set(bundlePath(index, 256), encodeBundle(full));
  for (const [level, hashes] of levels.entries()) {
    const index = Math.floor(hashesOn(level, size) / 256);
    if (hashes.length > 0) files.set(hashTilePath(level, index, hashes.length), encodeHashes(hashes));
  }
  return { files, entries, root, levels, rest };
}

for (const size of [1, 255, 256, 257, 512, 65_535, 65_536, 65_793]) {
  test(`a tree of ${size} entries: its tiles prove entries, and its edge goes on from them`, async () => {
    const { files, entries, root, levels, rest } = publish(size);
    const plain = new Frontier();
    for (const entry of entries) plain.append(leafHash(entry));
    assert.equal(root, plain.root());
    const nodes = tileNodes(size, async (path) => files.get(path));
    for (const index of new Set([0, size - 1, Math.floor(size / 2), Math.floor(size / 3)])) {
      const proof = await inclusionProof(index, size, nodes);
      assert.ok(includes(index, size, leafHash(entries[index]!), proof, root), `${index}`);
    }
    const restored = Edge.restore(size, levels, rest);
    assert.equal(restored.root(), root);
    for (const more of ['a', 'b', 'c']) {
      restored.append(more, leafHash(more));
      plain.append(leafHash(more));
    }
    assert.equal(restored.root(), plain.root());
  });
}

test('an edge of another size is refused', () => {
  const { levels, rest } = publish(300);
  assert.throws(() => Edge.restore(301, levels, rest));
  assert.throws(() => Edge.restore(300, levels, rest.slice(1)));
  assert.throws(() => Edge.restore(300, levels.slice(1), rest));
});
