import type { PolicyFile } from '../../../src/controls/policy/index.ts';
import { AGENTS } from './world.ts';

/** Pairs of policy sets: the second is the first with a few edits that somebody could make, or the same said otherwise. */
export type Chance = { integer(below: number): number; pick<T>(from: readonly T[]): T };

/** mulberry32. */
export function chance(seed: number): Chance {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (mixed ^ (mixed >>> 14)) >>> 0;
  };
  const integer = (below: number): number => next() % below;
  return { integer, pick: (from) => from[integer(from.length)]! };
}

type Rule = {
  id: string;
  effect: 'permit' | 'forbid';
  principal: string;
  tool: string;
  conditions: readonly string[];
  /** Joined by this. */
  by: '&&' | '||';
  annotations: string;
};

export const TEXTS = ['reports/q1', 'reports', 'a', 'acme', 'acme/app', 'secret', '', 'bug', 'x'];
export const PATTERNS = [
  'reports/*',
  '*..*',
  'reports/2026/*',
  '*.md',
  'acme/*',
  '*',
  '*secret*',
  'a*',
  '*/q?',
  'a*c*',
];
export const NUMBERS = [0, 1, 10, 100, -5, 4096];
const AMOUNTS = ['0.0', '10.0', '99.99', '100.0', '0.0001'];
const RANGES = ['10.0.0.0/8', '10.1.0.0/16', '192.168.0.0/16', '127.0.0.1', '::1', '2001:db8::/32'];
const LABELS = ['bug', 'ui', 'security'];

type Make = (dice: Chance) => string;
const quoted = (text: string): string => JSON.stringify(text);
const text =
  (path: string): Make =>
  (dice) =>
    dice.pick([
      () => `${path} like ${quoted(dice.pick(PATTERNS))}`,
      () => `${path} == ${quoted(dice.pick(TEXTS))}`,
      () => `${path} != ${quoted(dice.pick(TEXTS))}`,
      () => `[${quoted(dice.pick(TEXTS))}, ${quoted(dice.pick(TEXTS))}].contains(${path})`,
      () => `!(${path} like ${quoted(dice.pick(PATTERNS))})`,
    ])();
const long =
  (path: string): Make =>
  (dice) =>
    dice.pick([
      () => `${path} ${dice.pick(['<', '<=', '>', '>=', '==', '!='])} ${dice.pick(NUMBERS)}`,
      () => `${path} + ${dice.pick(NUMBERS)} > ${dice.pick(NUMBERS)}`,
      () => `${path} * 3 - 1 <= ${dice.pick(NUMBERS)}`,
      () => `[1, ${dice.pick(NUMBERS)}].contains(${path})`,
    ])();
const optional =
  (name: string, make: Make): Make =>
  (dice) =>
    dice.integer(8) === 0 ? make(dice) : `(context.args has ${name} && ${make(dice)})`;

const RUN: readonly Make[] = [
  (dice) => `context.run.job == ${quoted(dice.pick(['triage', 'report', 'build', 'refund', 'other']))}`,
  (dice) => `context.run has purpose && context.run.purpose == ${quoted(dice.pick(['support', 'audit']))}`,
  (dice) =>
    `context.run has subject && context.run.subject.name ${dice.pick(['== "ann"', 'like "*@acme"', '!= "bob"'])}`,
  (dice) => `context.credential.kind ${dice.pick(['==', '!='])} ${quoted(dice.pick(['dpop', 'bearer']))}`,
  (dice) => `principal.jobs.contains(${quoted(dice.pick(['triage', 'build']))})`,
  () => 'principal.owner == "ops"',
  () => 'true',
];
const FORBID_ONLY: readonly Make[] = [
  (dice) => `context.chain.depth > ${dice.integer(4)}`,
  (dice) => `context.chain.actors.contains(${quoted(dice.pick(['builder', 'clerk']))})`,
];
const ARGUMENTS: Readonly<Record<string, readonly Make[]>> = {
  'files/read': [text('context.args.path'), text('context.args.path'), optional('head', long('context.args.head'))],
  'files/write': [
    text('context.args.path'),
    optional('text', text('context.args.text')),
    optional('append', () => 'context.args.append'),
    () => 'context.nulls.contains("text")',
  ],
  'github/create_issue': [
    text('context.args.owner'),
    text('context.args.repo'),
    () => 'context.args.owner == context.args.repo',
    optional('milestone', long('context.args.milestone')),
    optional('labels', (dice) => `context.args.labels.contains(${quoted(dice.pick(LABELS))})`),
    optional(
      'labels',
      (dice) =>
        `context.args.labels.${dice.pick(['containsAny', 'containsAll'])}(["bug", ${quoted(dice.pick(LABELS))}])`,
    ),
    optional('labels', (dice) =>
      dice.pick(['context.args.labels.isEmpty()', '["bug", "ui"].containsAll(context.args.labels)']),
    ),
    optional('state', (dice) => `context.args.state == ${quoted(dice.pick(['open', 'closed', 'lost']))}`),
  ],
  'pay/refund': [
    (dice) =>
      `context.args.amount.${dice.pick(['lessThan', 'lessThanOrEqual', 'greaterThan'])}(decimal("${dice.pick(AMOUNTS)}"))`,
    optional('customer', text('context.args.customer')),
    optional('note', (dice) => `context.args.note has kind && context.args.note.kind == ${quoted(dice.pick(TEXTS))}`),
    optional('note', () => 'context.args.note has urgent && context.args.note.urgent'),
  ],
  'web/fetch': [
    (dice) => `ip(context.args.host).isInRange(ip("${dice.pick(RANGES)}"))`,
    (dice) => `ip(context.args.host).${dice.pick(['isLoopback', 'isIpv6'])}()`,
    optional('port', long('context.args.port')),
    () => '!(context.args has headers)',
    () => 'context.unmapped.contains("extra")',
  ],
};
const TOOL_IDS = Object.keys(ARGUMENTS);

function rule(dice: Chance, id: string): Rule {
  const tool = dice.pick(TOOL_IDS);
  const effect = dice.integer(4) === 0 ? 'forbid' : 'permit';
  const made = dice.integer(3) + (dice.integer(3) === 0 ? 1 : 0);
  const conditions = Array.from({ length: made }, () => condition(dice, tool, effect));
  const held = effect === 'forbid' && dice.integer(3) === 0;
  return {
    id,
    effect,
    principal: dice.pick(['principal', 'principal', ...AGENTS.map(({ id: name }) => `principal == Agent::"${name}"`)]),
    tool: dice.integer(8) === 0 ? `resource in Server::"${tool.split('/')[0]}"` : `resource == Tool::"${tool}"`,
    conditions,
    by: dice.integer(4) === 0 ? '||' : '&&',
    annotations: held ? `@approve("${dice.pick(['lead', 'dba'])}")` : '',
  };
}

function condition(dice: Chance, tool: string, effect: Rule['effect']): string {
  const own = ARGUMENTS[tool] ?? [];
  const made = dice.integer(3) === 0 ? dice.pick(effect === 'forbid' ? [...RUN, ...FORBID_ONLY] : RUN) : dice.pick(own);
  const one = made(dice);
  return dice.integer(10) === 0 ? `!(${one})` : `(${one})`;
}

function textOf({ id, effect, principal, tool, conditions, by, annotations }: Rule): string {
  const when = conditions.length === 0 ? '' : `\nwhen { ${conditions.join(` ${by} `)} }`;
  return `@id("${id}") @reason("A rule.") ${annotations}\n${effect} (${principal}, action == Action::"tool.call", ${tool})${when};\n`;
}

export type Pair = { before: PolicyFile[]; after: PolicyFile[]; same: boolean };

/** A third of the pairs say the same, in other words. */
export function pairOf(dice: Chance): Pair {
  const rules = Array.from({ length: 2 + dice.integer(6) }, (_, at) => rule(dice, `p${at}`));
  const same = dice.integer(4) === 0;
  const changed = same ? sayOtherwise(dice, rules) : edited(dice, rules);
  return { before: files(rules), after: files(changed), same };
}

function files(rules: readonly Rule[]): PolicyFile[] {
  return [{ name: 'set.cedar', text: rules.map(textOf).join('\n') }];
}

function sayOtherwise(dice: Chance, rules: readonly Rule[]): Rule[] {
  const turned = [...rules].reverse().map((one, at) => ({ ...one, id: `renamed-${at}` }));
  return turned.map((one) => {
    switch (dice.integer(4)) {
      case 0:
        return { ...one, conditions: [...one.conditions.map((part) => `(${part}) && true`)] };
      case 1:
        return one.conditions.length === 0 ? one : { ...one, conditions: [...one.conditions, one.conditions[0]!] };
      case 2:
        return { ...one, conditions: one.conditions.map((part) => `!(!(${part}))`) };
      default:
        return one;
    }
  });
}

function edited(dice: Chance, rules: readonly Rule[]): Rule[] {
  let now = [...rules];
  for (let edit = 1 + dice.integer(3); edit > 0; edit -= 1) {
    const at = dice.integer(Math.max(1, now.length));
    const one = now[at];
    const kind = one === undefined ? 0 : dice.integer(6);
    if (kind === 0) now = [...now, rule(dice, `new${edit}`)];
    else if (kind === 1) now = now.filter((_, index) => index !== at);
    else now[at] = editedRule(dice, one!, kind);
  }
  return now;
}

function editedRule(dice: Chance, one: Rule, kind: number): Rule {
  const tool = /Tool::"([^"]+)"/.exec(one.tool)?.[1] ?? 'files/read';
  if (kind === 2) return { ...one, conditions: [...one.conditions, condition(dice, tool, one.effect)] };
  if (kind === 3) return { ...one, conditions: one.conditions.slice(1) };
  if (kind === 4) return { ...one, by: one.by === '&&' ? '||' : '&&' };
  const nudged = one.conditions.map((part) =>
    part.replace(/\d+/, (digits) => String(Number(digits) + 1)).replace('<=', '<'),
  );
  return { ...one, conditions: nudged };
}
