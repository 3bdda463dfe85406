import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { registerCatalogs } from '../../src/controls/policy/catalog.ts';
import { evaluate } from '../../src/controls/policy/explain/evaluation.ts';
import { explainUnder } from '../../src/controls/policy/explain/explainer.ts';
import { createPolicySet } from '../../src/controls/policy/policy-set.ts';
import { readPolicies } from '../../src/controls/policy/source.ts';
import { FULFILLABLE } from '../../src/controls/policy/vocabulary.ts';
import type { DecisionRequest } from '../../src/core/decision.ts';
import type { JsonValue } from '../../src/core/json.ts';
import { call, catalog } from './support.ts';

/**
 * Random policies and random requests: whatever stands in the way, the change that is offered permits this request, loads,
 * and leaves every request alone that names another principal, action or resource. Those are drawn here, and by nobody who
 * made the change.
 */
const TOOLS = ['one', 'two', 'three'];
const inputSchema = {
  type: 'object',
  additionalProperties: true,
  properties: {
    s: { type: 'string' },
    n: { type: 'integer' },
    d: { type: 'number' },
    b: { type: 'boolean' },
    set: { type: 'array', items: { type: 'string' } },
    rec: { type: 'object', properties: { s: { type: 'string' }, n: { type: 'integer' } } },
  },
};
const registered = registerCatalogs([catalog('srv', Object.fromEntries(TOOLS.map((name) => [name, inputSchema])))]);

const word = fc.constantFrom('a', 'b', 'a/b', '', 'é"\\', '*', 'x y');
const condition: fc.Arbitrary<string> = fc.letrec<{ test: string }>((tie) => ({
  test: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    word.map((w) => `context.args has s && context.args.s == ${JSON.stringify(w)}`),
    fc.constantFrom('"a*"', '"*b"', '"*"').map((p) => `context.args has s && context.args.s like ${p}`),
    fc.integer({ min: -2, max: 9 }).map((n) => `context.args has n && context.args.n < ${n}`),
    fc.constantFrom(
      'context.args has n && context.args.n * 9007199254740991 > 0',
      'context.args has d && context.args.d.lessThan(decimal("0.5"))',
      'context.args has b && context.args.b',
      'context.args has set && context.args.set.contains("a")',
      'context.args has set && ["a", "b"].containsAll(context.args.set)',
      'context.args has rec && context.args.rec has s && context.args.rec.s == "a"',
      'context.args has rec && context.args.rec has n && context.args.rec.n >= 3',
      'context.args has s && ip(context.args.s).isLoopback()',
      'context.run.job == "work"',
      'context.run.job == "play"',
      'context.run has purpose && context.run.purpose == "p"',
      'context.run has subject && context.run.subject.name == "u"',
      'context.credential.kind == "dpop"',
      'principal is Agent && principal.jobs.contains("work")',
      'principal is Agent && principal.owner == "team"',
      'context.nulls.contains("s")',
      'true',
      'false',
    ),
    fc.tuple(tie('test'), tie('test'), fc.constantFrom('&&', '||')).map(([a, b, op]) => `((${a}) ${op} (${b}))`),
    tie('test').map((a) => `!(${a})`),
    fc.tuple(tie('test'), tie('test'), tie('test')).map(([a, b, c]) => `(if ${a} then ${b} else ${c})`),
  ),
})).test;

const head = fc
  .tuple(
    fc.constantFrom('principal', 'principal is Agent', 'principal == Agent::"ann"', 'principal == Agent::"ben"'),
    fc.constantFrom('action == Action::"tool.call"', 'action in [Action::"tool.call", Action::"server.discover"]'),
    fc.constantFrom('resource', 'resource in Server::"srv"', ...TOOLS.map((name) => `resource == Tool::"srv/${name}"`)),
  )
  .map((parts) => parts.join(', '));
const clause = fc
  .tuple(fc.constantFrom('when', 'when', 'unless'), condition)
  .map(([kind, body]) => `${kind} { ${body} }`);
const policies = fc
  .array(
    fc.tuple(
      fc.constantFrom('permit', 'permit', 'forbid'),
      head,
      fc.array(clause, { maxLength: 3 }),
      fc.constantFrom('', '', '@shadow ', '@approve("ops") '),
    ),
    { minLength: 1, maxLength: 6 },
  )
  .map((all) =>
    all
      .map(([effect, scope, clauses, note], at) => {
        const own = note.startsWith('@approve') && effect === 'permit' ? '' : note;
        return `@id("p${at}") @reason("r") ${own}// note (\n${effect} (${scope}) ${clauses.join(' ')};`;
      })
      .join('\n'),
  );

const args = fc.record(
  {
    s: fc.oneof(word, fc.constant(null)),
    n: fc.integer({ min: -3, max: 2_000 }),
    d: fc.constantFrom(0.25, 0.5, 1.75, 0.00001),
    b: fc.boolean(),
    set: fc.array(word, { maxLength: 3 }),
    rec: fc.record({ s: word, n: fc.integer({ min: 0, max: 9 }) }, { requiredKeys: [] }),
    more: fc.constant([1] as JsonValue[]),
  },
  { requiredKeys: [] },
);
const request: fc.Arbitrary<DecisionRequest> = fc
  .record({
    agent: fc.constantFrom('ann', 'ben'),
    tool: fc.constantFrom(...TOOLS),
    job: fc.constantFrom('work', 'play'),
    purpose: fc.constantFrom(null, 'p', 'q'),
    user: fc.constantFrom(null, 'u', 'v'),
    args,
  })
  .map(({ agent, tool, job, purpose, user, args: given }) => {
    const base = call(`srv/${tool}`, given);
    const subject = user === null ? null : { id: 'usr_1', name: user };
    return {
      ...base,
      principal: { type: 'Agent', id: agent },
      agent: { ...base.agent, id: agent, jobs: ['work', 'play'] },
      run: { ...base.run, agent, job, purpose, subject },
    };
  });

test('permits what was refused and changes nothing beside it, for random policies and requests', () => {
  let refused = 0;
  let offered = 0;
  fc.assert(
    fc.property(policies, fc.array(request, { minLength: 4, maxLength: 8 }), (text, requests) => {
      const read = readPolicies([{ name: 'a.cedar', text }], FULFILLABLE);
      fc.pre(read.problems.length === 0);
      const set = createPolicySet(read);
      const [asked, ...others] = requests as [DecisionRequest, ...DecisionRequest[]];
      const { accesses, change } = explainUnder(set, registered, [asked]);
      if (accesses[0]?.decision.effect === 'permit' || accesses[0]?.decision.code === 'arguments_invalid') return;
      refused += 1;
      assert.ok(change !== undefined);
      if (change.kind === 'impossible') return;
      offered += 1;
      const after = readPolicies([...change.files], FULFILLABLE);
      const untouched = read.files.filter(({ name }) => !change.files.some((file) => file.name === name));
      const whole = createPolicySet(
        untouched.length === 0 ? after : readPolicies([...untouched, ...change.files], FULFILLABLE),
      );
      assert.deepEqual(after.problems, []);
      assert.equal(evaluate(whole, registered, asked).decision.effect, 'permit');
      for (const other of others) {
        const same = other.agent.id === asked.agent.id && other.access.resource.id === asked.access.resource.id;
        if (same) continue;
        const [was, is] = [evaluate(set, registered, other).decision, evaluate(whole, registered, other).decision];
        assert.deepEqual(
          [is.effect, is.code, is.policies, is.errors],
          [was.effect, was.code, was.policies, was.errors],
        );
      }
    }),
    { numRuns: 150 },
  );
  assert.ok(refused > 50, `${refused} refused`);
  assert.equal(offered, refused, `${refused - offered} of ${refused} without a change`);
});
