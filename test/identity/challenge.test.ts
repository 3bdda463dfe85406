import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readChallenge } from '../../src/controls/identity/connections/challenge.ts';

const NONE = { dpop: false, metadata: undefined, scope: undefined, error: undefined };

test('what a challenge says of tokens is read in every form that it may have', () => {
  const read: [string, object][] = [
    ['Bearer', NONE],
    ['bearer scope=a', { ...NONE, scope: 'a' }],
    ['Bearer scope="a b", error="invalid_token"', { ...NONE, scope: 'a b', error: 'invalid_token' }],
    ['Bearer realm="a, DPoP b", scope = "c"', { ...NONE, scope: 'c' }],
    ['Basic realm="x", Bearer resource_metadata="https://a.example/m"', { ...NONE, metadata: 'https://a.example/m' }],
    ['DPoP algs="ES256", Bearer scope="a"', { ...NONE, dpop: true, scope: 'a' }],
    ['Negotiate dG9rZW4=, Bearer scope="a"', { ...NONE, scope: 'a' }],
    ['Bearer error="a \\"quoted\\" word"', { ...NONE, error: 'a "quoted" word' }],
    ['Bearer scope="a", scope="b"', { ...NONE, scope: 'a' }],
  ];
  for (const [text, expected] of read) assert.deepEqual(readChallenge(text), expected, text);
});

test('what asks for no token, or cannot stand in a request, is nothing', () => {
  for (const text of [undefined, '', 'Basic realm="x"', 'scope="a"', `Bearer ${'a'.repeat(5_000)}`])
    assert.equal(readChallenge(text), undefined, String(text).slice(0, 40));
  for (const scope of ['a\u0001b', ' a', 'a  b', 'ü', '"a"', 'a'.repeat(1_001)])
    assert.equal(readChallenge(`Bearer scope="${scope}"`)?.scope, undefined, scope);
});
