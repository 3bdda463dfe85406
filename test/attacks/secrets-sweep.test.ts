import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';
import { formsOf, Searcher } from '../secrets/searcher.ts';
import { Sweep } from '../secrets/sweep.ts';

/** DESIGN 10.3, over a whole gateway: the quick form. `npm run test:secrets` makes 10,000 calls and looks into a browser too. */
const CALLS = 400;

test('no secret of any kind is anywhere but in the vault and its keys', { timeout: 120_000 }, async () => {
  const swept = await new Sweep().run(CALLS, undefined);
  assert.equal(swept.calls, CALLS);
  assert.ok(swept.marks > 25, `${swept.marks} secrets`);
  assert.ok(swept.places.length >= 7);
  for (const { place, found, planted } of swept.places) {
    assert.deepEqual(found.slice(0, 5), [], place);
    assert.ok(planted, `what was planted in ${place} is not found`);
  }
});

test('the searcher finds a mark in every form, wherever it begins, and nothing where there is none', {
  timeout: 30_000,
}, () => {
  const value = randomBytes(33).toString('base64url');
  const searcher = new Searcher([{ name: 'planted', value }]);
  const noise = randomBytes(50_000);
  assert.deepEqual(searcher.search(noise, 'noise'), []);
  const plain = Buffer.from(value);
  const written = [
    ...formsOf(value).map(([, bytes]) => bytes),
    ...['a', 'ab', 'abc'].map((before) => Buffer.from(Buffer.from(`${before}${value}tail`).toString('base64'))),
    Buffer.from(Buffer.from(`{"a":"${value}"}`).toString('base64url')),
    gzipSync(plain),
    deflateSync(plain),
    gzipSync(Buffer.from(plain.toString('hex'))),
    gzipSync(gzipSync(plain)),
    Buffer.from(gzipSync(plain).toString('base64')),
    Buffer.from(`${value.slice(0, 20)}" "${value.slice(20)}`),
    Buffer.from([...value].map((letter) => `%${letter.charCodeAt(0).toString(16)}`).join('')),
  ];
  for (const [at, bytes] of written.entries()) {
    for (const before of [0, 1, 4_095]) {
      const content = Buffer.concat([noise.subarray(0, before), bytes, noise.subarray(before)]);
      assert.ok(searcher.search(content, 'planted').length > 0, `form ${at} after ${before} bytes`);
    }
  }
  assert.ok(searcher.search(brotliCompressSync(plain), 'planted').length > 0);
});
