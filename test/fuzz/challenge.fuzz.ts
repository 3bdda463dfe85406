import assert from 'node:assert/strict';
import { readChallenge, readScope } from '../../src/controls/identity/connections/challenge.ts';
import { type Dice, fuzz } from './harness.ts';

/** `WWW-Authenticate` as a server may write it: read or not, never slowly, and no scope that could not stand in a request. */
const PIECES = [
  'Bearer',
  'DPoP',
  'Basic',
  ' ',
  ',',
  '=',
  '"',
  '\\',
  'scope',
  'error',
  'resource_metadata',
  'a b',
  'ü',
  '\t',
];

function text(dice: Dice): string {
  if (dice.integer(10) === 0) return `Bearer ${dice.pick(PIECES).repeat(dice.integer(5_000))}`;
  return Array.from({ length: dice.integer(40) }, () => dice.pick(PIECES)).join('');
}

await fuzz('challenge', 100, (dice) => {
  const challenge = readChallenge(text(dice));
  if (challenge?.scope !== undefined) assert.equal(readScope(challenge.scope), challenge.scope);
});
