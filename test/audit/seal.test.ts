import assert from 'node:assert/strict';
import { createHmac, createSecretKey, hkdfSync, randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { expander, nameDigest, Seal } from '../../src/controls/audit/seal.ts';

const random = (length: number) => randomBytes(length);
const seal = () => new Seal(createSecretKey(randomBytes(32)), random);
const content = {
  names: [{ type: 'Tool', id: 'files/read_file' }],
  value: { path: 'reports/äöü 😀', deep: [1, null, { a: '' }] },
};

test('what is sealed opens again, and nothing of it shows', () => {
  const own = seal();
  const salt = own.salt();
  const sealed = own.seal(salt, content);
  assert.deepEqual(own.open(sealed.digest, sealed), content);
  const bytes = Buffer.concat([sealed.seed, sealed.sealed]);
  for (const part of ['reports', 'read_file', salt]) assert.ok(!bytes.includes(part));
  assert.notEqual(own.seal(own.salt(), content).digest, sealed.digest, 'the same content twice does not show');
});

test('another key, another record, a changed bit, an exchanged payload: refused', () => {
  const own = seal();
  const [one, two] = [own.seal(own.salt(), content), own.seal(own.salt(), { names: null, value: 'other' })];
  assert.throws(() => seal().open(one.digest, one));
  assert.throws(() => own.open(one.digest, { seed: two.seed, sealed: one.sealed }));
  assert.throws(() => own.open(one.digest, two), /not the one that its receipt names/);
  for (const at of [0, 40, one.sealed.length - 1]) {
    const changed = Buffer.from(one.sealed);
    changed[at] = changed[at]! ^ 1;
    assert.throws(() => own.open(one.digest, { seed: one.seed, sealed: changed }));
  }
  assert.throws(() => own.open(one.digest, { seed: one.seed, sealed: one.sealed.subarray(0, 10) }));
});

test('the key derivation is HKDF-Expand', () => {
  const key = randomBytes(32);
  const expand = expander(key);
  for (let count = 0; count < 50; count += 1) {
    const seed = randomBytes(32);
    const expected = createHmac('sha256', key).update(seed).update(Buffer.of(1)).digest();
    assert.deepEqual(expand(seed), expected);
  }
  // The whole of HKDF with an extract before it, to be sure of the clause.
  const [input, salt, info] = [randomBytes(32), randomBytes(16), randomBytes(32)];
  const extracted = createHmac('sha256', salt).update(input).digest();
  assert.deepEqual(expander(extracted)(info), Buffer.from(hkdfSync('sha256', input, salt, info, 32)));
});

test('digests of names differ by salt, type and id, and cannot be shifted into each other', () => {
  const digests = [
    nameDigest('a'.repeat(64), { type: 'Tool', id: 'x' }),
    nameDigest('b'.repeat(64), { type: 'Tool', id: 'x' }),
    nameDigest('a'.repeat(64), { type: 'Prompt', id: 'x' }),
    nameDigest('a'.repeat(64), { type: 'Tool', id: 'y' }),
    nameDigest('a'.repeat(64), { type: 'Too', id: 'l\0x' }),
  ];
  assert.equal(new Set(digests).size, digests.length);
});
