import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import type { Clock } from '../../src/core/clock.ts';
import { Secret } from '../../src/core/secret.ts';
import { type Binding, openSeal } from '../../src/protocols/mcp/agents/seal.ts';

let now = 1_000_000;
const clock: Clock = { now: () => now, monotonic: () => now, after: () => () => {} };
const random = (length: number) => new Uint8Array(randomBytes(length));
const seal = openSeal({ key: new Secret(random(32)), clock, random });

const STATE = { server: 'docs', receipt: 'rcp_1', asked: ['name'], state: 'the server’s own' };
const BINDING: Binding = {
  principal: 'Agent::triage',
  run: 'run_1',
  method: 'tools/call',
  params: { name: 'ask', arguments: { a: 1, b: [2] } },
};

test('comes back to the same caller with the same request, in any order of its arguments', () => {
  assert.deepEqual(seal.open(seal.seal(STATE, BINDING), BINDING), STATE);
  const reordered = { ...BINDING, params: { arguments: { b: [2], a: 1 }, name: 'ask', inputResponses: {}, _meta: {} } };
  assert.deepEqual(seal.open(seal.seal(STATE, BINDING), reordered), STATE);
  const empty = { ...STATE, state: undefined };
  assert.deepEqual(seal.open(seal.seal(empty, BINDING), BINDING), empty);
});

test('is nothing to anyone else, to another run, or with another request', () => {
  const sealed = seal.seal(STATE, BINDING);
  const others: Binding[] = [
    { ...BINDING, principal: 'Agent::other' },
    { ...BINDING, run: 'run_2' },
    { ...BINDING, method: 'prompts/get' },
    { ...BINDING, params: { ...BINDING.params, name: 'other' } },
    { ...BINDING, params: { ...BINDING.params, arguments: { a: 2, b: [2] } } },
    { ...BINDING, params: { ...BINDING.params, uri: 'x:y' } },
  ];
  for (const other of others) assert.equal(seal.open(sealed, other), undefined);
});

test('is nothing after a change of any one character, after its time, or from another key', () => {
  const sealed = seal.seal(STATE, BINDING);
  for (let at = 0; at < sealed.length; at += 1) {
    const changed = sealed.slice(0, at) + (sealed[at] === 'A' ? 'B' : 'A') + sealed.slice(at + 1);
    assert.equal(seal.open(changed, BINDING), undefined, `character ${at}`);
  }
  for (const text of [
    '',
    'x',
    `${sealed}-TAMPERED`,
    `${sealed}=`,
    sealed.slice(0, -1),
    ' ',
    'ü',
    'A'.repeat(100_000),
  ]) {
    assert.equal(seal.open(text, BINDING), undefined);
  }
  const other = openSeal({ key: new Secret(random(32)), clock, random });
  assert.equal(other.open(sealed, BINDING), undefined);
  now += 15 * 60_000;
  assert.equal(seal.open(sealed, BINDING), undefined);
});

test('shows nothing of the server’s state', () => {
  const sealed = Buffer.from(seal.seal(STATE, BINDING), 'base64url').toString('latin1');
  assert.ok(!sealed.includes('docs') && !sealed.includes('server'));
});
