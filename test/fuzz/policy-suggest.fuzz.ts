import assert from 'node:assert/strict';
import { argumentsOf } from '../../src/controls/policy/argument-types.ts';
import { createEngine } from '../../src/controls/policy/engine.ts';
import { createPolicySet } from '../../src/controls/policy/policy-set.ts';
import { readPolicies } from '../../src/controls/policy/source.ts';
import { learn } from '../../src/controls/policy/suggest/learn.ts';
import type { Use } from '../../src/controls/policy/suggest/use.ts';
import { permitOf } from '../../src/controls/policy/suggest/write.ts';
import { validatePolicies } from '../../src/controls/policy/validate.ts';
import { FULFILLABLE } from '../../src/controls/policy/vocabulary.ts';
import type { JsonObject, JsonValue } from '../../src/core/json.ts';
import { LOWEST_LABEL } from '../../src/core/label.ts';
import { type Dice, fuzz } from './harness.ts';

/**
 * Recorded arguments are strangers' text, and names of agents, jobs, tools and arguments may hold anything too. Whatever they
 * are, what is learnt of them is one permit for each tool that loads, has the head that it should have and nothing beside it;
 * and permits what it was learnt from, unless a condition says no, but never another agent, job or tool.
 */
const PIECES = [
  '"',
  '\\',
  '\n',
  '\r',
  '*',
  '//',
  '};',
  ' permit (principal, action, resource);',
  '@id("x")',
  '\u202e',
  '\u2066',
  '\u0000',
];
const MORE = [
  '\u{1f5dd}',
  'é',
  '${x}',
  '`',
  '\\u{22}',
  '\\"',
  '|| true',
  '&& false',
  '/',
  '.',
  '..',
  '@',
  'evil.net',
  'a',
  'b',
  '1',
  ' ',
  '\u2028',
  '\u200b',
  "'",
  'א',
];
const KEYS = [
  'path',
  'a b',
  'has',
  'in',
  'if',
  'like',
  '__cedar',
  'true',
  '"',
  'x"y',
  '\n',
  'prinçipal',
  'a.b',
  'toString',
  'constructor',
];

function word(dice: Dice): string {
  return Array.from({ length: dice.integer(6) + 1 }, () => dice.pick([...PIECES, ...MORE])).join('');
}

function value(dice: Dice, kind: number, known: readonly string[]): JsonValue | undefined {
  if (dice.integer(6) === 0) return undefined;
  const text = (): string => (dice.integer(3) === 0 ? word(dice) : dice.pick(known));
  if (kind === 0) return text();
  if (kind === 1) return dice.integer(2_000) - 1_000;
  if (kind === 2) return dice.integer(100_000) / 100;
  if (kind === 3) return Array.from({ length: dice.integer(3) }, text);
  return dice.integer(4) > 0;
}

const TYPES: readonly JsonObject[] = [
  { type: 'string' },
  { type: 'integer' },
  { type: 'number' },
  { type: 'array', items: { type: 'string' } },
  { type: 'boolean' },
];

await fuzz('policy-suggest', 10_000, async (dice) => {
  const [agent, job, tool] = [word(dice), word(dice), `s/${word(dice)}`];
  const names = [...new Set(Array.from({ length: dice.integer(4) + 1 }, () => dice.pick(KEYS)))];
  const kinds = names.map(() => dice.integer(TYPES.length));
  const known = Array.from({ length: dice.integer(4) + 1 }, () => word(dice));
  const properties = Object.fromEntries(names.map((name, at) => [name, TYPES[kinds[at]!] as JsonObject]));
  const inputSchema: JsonObject = { type: 'object', properties };
  const uses = Array.from({ length: dice.integer(30) + 1 }, (_, at): Use => {
    const given = names.map((name, n) => [name, value(dice, kinds[n]!, known)] as const);
    const args = Object.fromEntries(given.filter(([, one]) => one !== undefined)) as JsonObject;
    const run = { id: `run${at >> 1}`, job, opened_by: agent, purpose: null, subject: null };
    return { agent, run, action: 'tool.call', resource: { type: 'Tool', id: tool }, args, time: at, receipt: `r${at}` };
  });
  const learnt = await learn(
    uses,
    () => argumentsOf(inputSchema),
    async () => {},
  );
  const text = learnt.flatMap((one) => one.tools.map((each) => permitOf(one, each, ['rcp_a', word(dice)]))).join('\n');
  assert.match(text, /^[\x20-\x7e\n\p{Script=Latin}\u00b7\u2026]*$/u);
  const read = readPolicies([{ name: 'f.cedar', text }], FULFILLABLE);
  assert.deepEqual(read.problems, [], text);
  assert.equal(read.policies.length, 1, text);
  check(read.policies[0]!.json as unknown as Head, agent, tool);
  const stop = (problem: unknown): never => assert.fail(String(problem));
  const clock = { now: () => 0, monotonic: () => 0, after: () => () => {} };
  const engine = createEngine({ clock, onDisagreement: stop, report: stop }, createPolicySet(read));
  const definition = { server: 's', name: tool.slice(2), inputSchema, raw: {} };
  engine.useCatalog([{ server: 's', tools: [definition], resources: [], templates: [], prompts: [], digest: '' }]);
  const wrong = validatePolicies(read, engine.registered).filter(({ severity }) => severity === 'error');
  assert.deepEqual(wrong, [], text);
  const decide = (use: Use, by = agent, of = job): string =>
    engine.decide({
      principal: { type: 'Agent', id: by },
      agent: { id: by, owner: 'o', version: '1', jobs: [of] },
      credential: { kind: 'dpop', thumbprint: 't' },
      run: { ...use.run, job: of, agent: by, chain: [], scopes: [], opened_at: 0, expires_at: 1, labels: LOWEST_LABEL },
      protocol: 'mcp',
      access: use,
    }).effect;
  for (const use of uses) {
    decide(use);
    assert.equal(decide(use, `${agent}x`), 'deny');
    assert.equal(decide(use, agent, `${job}x`), 'deny');
    assert.equal(decide({ ...use, resource: { type: 'Tool', id: `${tool}x` } }), 'deny');
  }
});

type Head = { effect: string; principal: unknown; resource: unknown };

function check({ effect, principal, resource }: Head, agent: string, tool: string): void {
  assert.equal(effect, 'permit');
  assert.deepEqual(principal, { op: '==', entity: { type: 'Agent', id: agent } });
  assert.deepEqual(resource, { op: '==', entity: { type: 'Tool', id: tool } });
}
