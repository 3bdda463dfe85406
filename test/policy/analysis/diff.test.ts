import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { diffPolicies } from '../../../src/controls/policy/analysis/diff.ts';
import { allAtOnce } from '../../../src/controls/policy/analysis/slices.ts';
import type { SetDiff } from '../../../src/controls/policy/index.ts';
import { measure } from './diff-pairs.ts';
import { WORLD } from './world.ts';

/** What two sets of policies permit, compared by what they do. */
const file = (text: string) => [{ name: 'set.cedar', text }];
const diff = (before: string, after: string): SetDiff => allAtOnce(diffPolicies(file(before), file(after), WORLD));
const rule = (effect: string, tool: string, when: string, { id = 'p', who = 'principal', more = '' } = {}): string =>
  `@id("${id}") @reason("A rule.") ${more} ${effect} (${who}, action == Action::"tool.call", resource == Tool::"${tool}") when { ${when} };\n`;
const permit = (tool: string, when: string, more = {}): string => rule('permit', tool, when, more);

describe('policies that do the same', () => {
  const reads = permit('files/read', 'context.args.path like "reports/*"');
  for (const [what, before, after] of [
    ['in another layout', reads, `// Said.\n${reads.replaceAll(', ', ',\n  ')}`],
    ['under another id, for another reason', reads, reads.replace('"p"', '"q"').replace('A rule.', 'Another.')],
    [
      'in another order',
      reads + permit('files/write', 'true', { id: 'q' }),
      permit('files/write', 'true', { id: 'q' }) + reads,
    ],
    ['said twice', reads, reads + reads.replace('"p"', '"q"')],
    [
      'by other words for it',
      reads,
      permit('files/read', '!(!(context.args.path like "reports/*")) && principal is Agent'),
    ],
    [
      'by another order of comparison',
      permit('files/read', 'context.args has head && context.args.head < 10'),
      permit('files/read', 'context.args has head && 9 >= context.args.head'),
    ],
    [
      'with a prohibition of what nothing permits',
      reads,
      reads + rule('forbid', 'files/read', 'context.args.path == "secret"', { id: 'f' }),
    ],
    [
      'about an agent that is not registered',
      reads,
      reads + permit('files/write', 'true', { id: 'q', who: 'principal == Agent::"nobody"' }),
    ],
    [
      'with a job that the agent does not have',
      reads,
      reads + permit('files/write', 'context.run.job == "night"', { id: 'q' }),
    ],
    ['beside what is only recorded', reads, reads + permit('files/write', 'true', { id: 'q', more: '@shadow("try")' })],
  ] as const) {
    test(what, () => {
      const { equal, differences, undecided } = diff(before, after);
      assert.deepEqual({ differences, undecided, equal }, { differences: [], undecided: [], equal: true });
    });
  }
});

describe('policies that differ', () => {
  const gains = (before: string, after: string) =>
    diff(before, after).differences.map(({ kind, witness }) => [kind, witness.args]);

  test('by one at the edge of a number, in either direction', () => {
    const below = (most: string) => permit('pay/refund', `context.args.amount.${most}(decimal("100.0"))`);
    assert.deepEqual(gains(below('lessThan'), below('lessThanOrEqual')), [['gain', { amount: 100 }]]);
    assert.deepEqual(gains(below('lessThanOrEqual'), below('lessThan')), [['loss', { amount: 100 }]]);
  });

  test('by what one pattern takes in and another does not', () => {
    const [first] = diff(
      permit('files/read', 'context.args.path like "reports/*" && !(context.args.path like "*..*")'),
      permit('files/read', 'context.args.path like "reports/*"'),
    ).differences;
    assert.equal(first?.kind, 'gain');
    assert.match(String(first?.witness.args['path']), /^reports\/.*\.\./);
  });

  test('by two conditions that only meet in one value', () => {
    const [first] = diff(
      permit('files/read', 'context.args.path like "a*b*" && context.args.path like "*c*d"'),
      permit(
        'files/read',
        'context.args.path like "a*b*" && context.args.path like "*c*d" && context.args.path != "abcd"',
      ),
    ).differences;
    assert.deepEqual([first?.kind, first?.witness.args], ['loss', { path: 'abcd' }]);
  });

  test('by an address at the end of a range', () => {
    const within = (range: string) => permit('web/fetch', `ip(context.args.host).isInRange(ip("${range}"))`);
    assert.deepEqual(gains(within('10.0.0.0/8'), within('10.0.0.0/9')), [['loss', { host: '10.255.255.255' }]]);
  });

  test('by equality of two arguments', () => {
    const [first] = diff(
      permit('github/create_issue', 'true'),
      permit('github/create_issue', 'context.args.owner != context.args.repo'),
    ).differences;
    assert.equal(first?.kind, 'loss');
    assert.equal(first?.witness.args['owner'], first?.witness.args['repo']);
  });

  test('by what somebody has to say yes to, which is neither gain nor loss', () => {
    const held = (by: string) =>
      permit('pay/refund', 'true') + rule('forbid', 'pay/refund', 'true', { id: 'f', more: `@approve("${by}")` });
    assert.deepEqual(gains(permit('pay/refund', 'true'), held('lead')), [['loss', { amount: 0 }]]);
    assert.deepEqual(gains(held('lead'), held('dba')), [['change', { amount: 0 }]]);
  });

  test('for whom, on what and by which policy, in one sentence for all alike', () => {
    const { differences, compared } = diff('', permit('files/read', 'true', { id: 'opened' }));
    assert.equal(differences.length, 1);
    assert.equal(
      differences[0]?.sentence,
      'triage, builder and clerk gain tool.call on files/read, for instance with {"path":"x"}: opened permits it; before, no policy permits it.',
    );
    assert.equal(differences[0]?.witness.command.startsWith('sallyport can triage tool.call files/read --job'), true);
    assert.ok(compared > 50);
  });
});

describe('what a bounded comparison cannot know', () => {
  test('is said, and is neither a difference nor equality', () => {
    const sum = (most: number) =>
      permit('files/read', `context.args has head && context.args.head * context.args.head * 7 < ${most}`);
    const { equal, undecided } = diff(sum(1_000_003), sum(1_000_002));
    assert.equal(equal, false);
    assert.ok(undecided.length > 0);
  });

  test('does not take for ever', () => {
    const many = (count: number) =>
      Array.from({ length: count }, (_, at) => `context.args.path like "*${String.fromCharCode(97 + at)}*"`).join(
        ' || ',
      );
    const before = permit('files/read', many(20));
    const { undecided } = diff(before, permit('files/read', `(${many(20)}) && context.args.path != "zzz"`));
    assert.ok(undecided.length > 0);
  });

  test('refuses what does not load, with its place', () => {
    const { problems, differences } = diff('permit (principal', permit('files/read', 'true'));
    assert.equal(problems[0]?.line, 1);
    assert.deepEqual(differences, []);
  });
});

test('of generated pairs, every difference is confirmed and random requests find no other', () => {
  const figures = measure(30, 400, 20_000);
  assert.deepEqual(figures.missed, []);
  assert.deepEqual(figures.invented, []);
  assert.equal(figures.confirmed, figures.differences);
  assert.ok(figures.differences > 10 && figures.differing > 50, JSON.stringify(figures));
});
