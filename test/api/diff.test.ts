import assert from 'node:assert/strict';
import { test } from 'node:test';
import { diffLines } from '../../src/console/data/diff.ts';

const shown = (before: string | null, after: string | null) =>
  diffLines(before, after).map(({ kind, text }) => `${{ same: ' ', gone: '-', new: '+' }[kind]}${text}`);

test('what is approved is shown line by line: nothing of either side is left out', () => {
  assert.deepEqual(shown('a\nb\nc', 'a\nx\nc'), [' a', '-b', '+x', ' c']);
  assert.deepEqual(shown(null, 'a\nb'), ['+a', '+b']);
  assert.deepEqual(shown('a\nb', null), ['-a', '-b']);
  assert.deepEqual(shown('a', 'a'), [' a']);
  const random = (seed: number) => Array.from({ length: 12 }, (_, at) => 'abc'[(seed * (at + 7) * 31) % 3]).join('\n');
  for (let seed = 1; seed < 200; seed += 1) {
    const [before, after] = [random(seed), random(seed * 13 + 5)];
    const lines = diffLines(before, after);
    assert.equal(
      lines
        .filter(({ kind }) => kind !== 'new')
        .map(({ text }) => text)
        .join('\n'),
      before,
    );
    assert.equal(
      lines
        .filter(({ kind }) => kind !== 'gone')
        .map(({ text }) => text)
        .join('\n'),
      after,
    );
  }
  const long = 'x\n'.repeat(500);
  assert.ok(diffLines(long, `${long}y`).length > 500);
});
