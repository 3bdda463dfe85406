import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BUGS, type Bug } from './bugs.ts';
import { simulate } from './simulate.ts';

/** Some worlds; `.ci/run` looks at a thousand. */
const SEEDS = 8;
const SEEDS_MAX = 150;

test('what must never happen does not happen in a few worlds, in which much happens', async () => {
  const totals: Record<string, number> = {};
  for (let seed = 1; seed <= SEEDS; seed++) {
    const { violation, counts } = await simulate(seed);
    assert.equal(violation, undefined, `npm run simulate -- --seed ${seed} --verbose`);
    for (const [name, count] of Object.entries(counts)) totals[name] = (totals[name] ?? 0) + count;
  }
  for (const [name, count] of Object.entries(totals)) assert.ok(count > SEEDS, `${count} ${name}`);
});

test('a seed is one world, to the last event, and another seed is another', async () => {
  const [first, again, other] = [await simulate(5), await simulate(5), await simulate(6)];
  assert.deepEqual(again, first);
  assert.notEqual(other.digest, first.digest);
});

/** What the judge says of each bug, so that it is found for what it is and not by luck. */
const FINDINGS: Record<Bug, RegExp> = {
  'lost-outcome': /^1: .*(outcome|answered)/,
  'double-proof': /^4: one proof was accepted twice/,
  'stale-policy': /^2(, 4)?: intent/,
  'index-reuse': /^15:/,
  'early-commit': /^(1|15):/,
  'no-lease': /^4: .* forwards call/,
  'silent-change': /^13:/,
  'other-bytes': /^7:/,
};

for (const bug of Object.keys(BUGS) as Bug[]) {
  test(`finds a planted bug: ${BUGS[bug]}`, async () => {
    for (let seed = 1; seed <= SEEDS_MAX; seed++) {
      const { violation } = await simulate(seed, { bug });
      if (violation === undefined) continue;
      assert.match(violation, FINDINGS[bug]);
      return;
    }
    assert.fail(`not found in ${SEEDS_MAX} worlds`);
  });
}
