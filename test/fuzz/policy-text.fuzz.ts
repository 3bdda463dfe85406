import { tooComplex } from '../../src/controls/policy/cedar/complexity.ts';
import { createOracle } from '../../src/controls/policy/cedar/oracle.ts';
import { CedarRecord, Entity } from '../../src/controls/policy/cedar/values.ts';
import { checkPolicies, formatPolicies } from '../../src/controls/policy/index.ts';
import { createPolicySet } from '../../src/controls/policy/policy-set.ts';
import { readPolicies } from '../../src/controls/policy/source.ts';
import { FULFILLABLE } from '../../src/controls/policy/vocabulary.ts';
import { type Dice, fuzz } from './harness.ts';

/**
 * Policy text of any shape, as deep as the bound lets it be: it becomes policies or problems with a place. A trap in cedar-wasm
 * would leave it answering nothing any more, so whatever passes the bound must pass it alive.
 */
const LEAVES = [
  'true',
  '1',
  '"a"',
  'principal',
  'context',
  'A::"a"',
  'context.args.a',
  'ip("10.0.0.1")',
  '[]',
  '{}',
  '-1',
  'context["a"]',
];
const PIECES = [
  '@id("a")',
  '@reason("b")',
  '@x',
  'permit',
  'forbid',
  '(',
  ')',
  'principal',
  'action',
  'resource',
  ',',
  ';',
  'when',
  'unless',
];
const NOISE = [
  '{',
  '}',
  '==',
  '"',
  '\\',
  '//',
  '\n',
  'in',
  'is',
  'é',
  '\u0000',
  '🗝',
  '?principal',
  '9'.repeat(30),
  '__proto__',
];

/** Wraps a leaf again and again, mostly in one manner, so that it grows deep and not wide. */
function expression(dice: Dice): string {
  const { integer, pick } = dice;
  let text = pick(LEAVES);
  const manner = integer(12);
  for (let left = integer(160); left > 0; left -= 1)
    text = wrap(integer(6) === 0 ? integer(12) : manner, text, pick(LEAVES));
  return text;
}

function wrap(manner: number, inner: string, leaf: string): string {
  switch (manner) {
    case 0:
      return `(${inner})`;
    case 1:
      return `${inner} && ${leaf}`;
    case 2:
      return `${leaf} || (${inner})`;
    case 3:
      return `${inner} + ${leaf}`;
    case 4:
      return `(${inner}).a`;
    case 5:
      return `(${inner})["a"]`;
    case 6:
      return `[${leaf}, ${inner}]`;
    case 7:
      return `{"a": ${inner}}`;
    case 8:
      return `if ${leaf} then ${leaf} else ${inner}`;
    case 9:
      return `!(${inner})`;
    case 10:
      return `(${leaf}).contains(${inner})`;
    default:
      return `${inner}.a`;
  }
}

function policy(dice: Dice): string {
  const body = dice.integer(5) === 0 ? `${expression(dice)} == ${expression(dice)}` : expression(dice);
  return `@id("p${dice.integer(1_000_000)}") @reason("x") permit (principal, action, resource) when { ${body} };`;
}

function garbage({ integer, pick }: Dice): string {
  return Array.from({ length: integer(40) }, () => pick(integer(3) === 0 ? NOISE : PIECES)).join(pick([' ', '', '\n']));
}

const nobody = { find: () => undefined, list: () => [] };

await fuzz('policy-text', 10_000, (dice) => {
  const text = dice.integer(4) === 0 ? garbage(dice) : policy(dice);
  const files = [{ name: 'fuzz.cedar', text }];
  const { problems } = checkPolicies(files);
  for (const { line, column, message } of problems) {
    if (line < 1 || column < 1 || message === '') throw new Error('a problem without its place');
  }
  formatPolicies(files);
  const read = readPolicies(files, FULFILLABLE);
  if (read.problems.length > 0 || read.policies.length === 0) return;
  if (tooComplex(text) !== undefined) throw new Error('a policy that is too complex was read');
  createPolicySet(read);
  const oracle = createOracle(read.policies);
  const context = new CedarRecord(new Map([['args', new CedarRecord(new Map())]]));
  const [principal, action, resource] = [
    new Entity('Agent', 'a'),
    new Entity('Action', 'tool.call'),
    new Entity('Tool', 'a/b'),
  ];
  oracle.evaluate({ principal, action, resource, context, entities: nobody });
  oracle.release();
});
