import type { Dice } from './harness.ts';

/** Cedar text over the world of `test/policy/analysis/world.ts`, as odd as dice make it. */
const PATHS = [
  'context.args.path',
  'context.args.head',
  'context.args.text',
  'context.args.amount',
  'context.args.labels',
  'context.args.note.kind',
  'context.args.note',
  'context.args.host',
  'context.args.port',
  'context.args.headers',
  'context.args.nothing',
  'context.args',
  'context',
  'context.nulls',
  'context.unmapped',
  'context.run.job',
  'context.run.purpose',
  'context.run.subject.name',
  'context.run.subject',
  'context.chain.depth',
  'context.chain.actors',
  'context.credential.kind',
  'context.protocol',
  'principal',
  'principal.jobs',
  'resource.name',
  'action',
];
const LITERALS = [
  '"a"',
  '"reports/x"',
  '""',
  '"🗝é"',
  '1',
  '-1',
  '9007199254740993',
  '9223372036854775807',
  'true',
  '[]',
  '["a", "bug"]',
  '[1, 2]',
  '{"a": 1}',
  'decimal("1.5")',
  'decimal("x")',
  'ip("10.0.0.0/8")',
  'datetime("2026-01-01")',
  'duration("1h")',
  'Agent::"triage"',
];
const COMPARISONS = ['==', '!=', '<', '<=', '>', '>=', 'in'];
const METHODS = ['contains', 'containsAll', 'containsAny', 'lessThan', 'isInRange', 'offset', 'durationSince'];
const CALLS = ['isEmpty()', 'isIpv4()', 'isLoopback()', 'toDate()', 'toSeconds()'];
const CONSTRUCTORS = ['ip', 'decimal', 'datetime', 'duration'];
const PATTERNS = ['"*"', '"a*"', '"*a*b*"', '"reports/*/*.md"', '"\\*"', '"*🗝*"'];

function value(dice: Dice, depth: number): string {
  if (depth <= 0) return dice.integer(2) === 0 ? dice.pick(PATHS) : dice.pick(LITERALS);
  switch (dice.integer(9)) {
    case 0:
      return `(${value(dice, depth - 1)} ${dice.pick(['+', '-', '*'])} ${value(dice, depth - 1)})`;
    case 1:
      return `${dice.pick(CONSTRUCTORS)}(${value(dice, depth - 1)})`;
    case 2:
      return `(if ${test(dice, depth - 1)} then ${value(dice, depth - 1)} else ${value(dice, depth - 1)})`;
    case 3:
      return `(${value(dice, depth - 1)}).${dice.pick(CALLS)}`;
    default:
      return dice.integer(2) === 0 ? dice.pick(PATHS) : dice.pick(LITERALS);
  }
}

function test(dice: Dice, depth: number): string {
  const [left, right] = [value(dice, depth - 1), value(dice, depth - 1)];
  switch (dice.integer(depth > 0 ? 9 : 5)) {
    case 0:
      return `${left} ${dice.pick(COMPARISONS)} ${right}`;
    case 1:
      return `${left} like ${dice.pick(PATTERNS)}`;
    case 2:
      return `${dice.pick(['context', 'context.args', 'context.run', 'context.args.note', 'principal'])} has ${dice.pick(['path', 'head', 'purpose', 'note', 'kind', 'jobs', 'subject'])}`;
    case 3:
      return `(${left}).${dice.pick(METHODS)}(${right})`;
    case 4:
      return dice.pick([
        'true',
        'false',
        'context.args.append',
        'principal is Agent',
        'resource is Tool in Server::"files"',
      ]);
    case 5:
      return `(${test(dice, depth - 1)} && ${test(dice, depth - 1)})`;
    case 6:
      return `(${test(dice, depth - 1)} || ${test(dice, depth - 1)})`;
    case 7:
      return `!(${test(dice, depth - 1)})`;
    default:
      return `(if ${test(dice, depth - 1)} then ${test(dice, depth - 1)} else ${test(dice, depth - 1)})`;
  }
}

const WHO = [
  'principal',
  'principal == Agent::"triage"',
  'principal is Agent',
  'principal == Tool::"files"',
  'principal in Agent::"x"',
];
const ACT = [
  'action',
  'action == Action::"tool.call"',
  'action in [Action::"tool.call", Action::"resource.read"]',
  'action == Action::"nothing"',
];
const WHAT = [
  'resource',
  'resource == Tool::"files/read"',
  'resource == Tool::"github/create_issue"',
  'resource in Server::"pay"',
  'resource is Tool in Server::"web"',
  'resource is Resource',
];
const NOTES = ['', '@approve("lead")', '@shadow("x")', '@odd("x")'];

function policy(dice: Dice, id: number): string {
  const effect = dice.pick(['permit', 'permit', 'forbid']);
  const note =
    effect === 'forbid' && dice.integer(3) === 0 ? dice.pick(NOTES) : dice.integer(12) === 0 ? dice.pick(NOTES) : '';
  const conditions = Array.from(
    { length: dice.integer(3) },
    () => `${dice.pick(['when', 'unless'])} { ${test(dice, 2)} }`,
  );
  return `@id("p${id}") @reason("r") ${note} ${effect} (${dice.pick(WHO)}, ${dice.pick(ACT)}, ${dice.pick(WHAT)})\n${conditions.join('\n')};\n`;
}

export function textOf(dice: Dice): string {
  const text = Array.from({ length: dice.integer(6) + 1 }, (_, id) => policy(dice, id)).join('\n');
  // Now and then not even Cedar.
  return dice.integer(20) === 0 ? text.slice(0, dice.integer(text.length)) : text;
}

/** A policy less, a policy more, or a word otherwise. */
export function edited(dice: Dice, text: string): string {
  const policies = text.split(/(?<=;\n)\n/);
  const at = dice.integer(policies.length);
  if (dice.integer(3) === 0) return policies.filter((_, index) => index !== at).join('\n');
  if (dice.integer(2) === 0) return `${text}\n${policy(dice, 99)}`;
  return text.replace(dice.pick(PATHS), dice.pick(PATHS)).replace(dice.pick(LITERALS), dice.pick(LITERALS));
}
