import { createHash } from 'node:crypto';
import { cedarDecimal, cedarHas, cedarPath, cedarPattern, cedarString, plainSentence } from './cedar-text.ts';
import type { Learnt, LearntTool, Rule } from './learn.ts';
import type { Pattern, Scalar, Shape } from './shapes.ts';

/** What was learnt, as Cedar: one permit for each tool, each condition a conjunct that stands by itself. */
export function permitOf(
  { agent, job }: Pick<Learnt, 'agent' | 'job'>,
  learnt: LearntTool,
  receipts: readonly string[],
): string {
  const { action, resource, conditions } = learnt;
  const rules = conditions.map(({ rule }) => rule);
  const conjuncts = [`context.run.job == ${cedarString(job)}`, ...rules.map(conditionOf)];
  const evidence = receipts.length === 0 ? [] : [`@evidence(${cedarString(receipts.join(' '))})`];
  return [
    `@id(${cedarString(idOf(agent, job, learnt))})`,
    `@reason(${cedarString(plainSentence(`${agent} in ${job} used ${resource.id}. ${sentenceOf(rules)}`.trim(), REASON_MAX))})`,
    `@public(${cedarString(plainSentence(`Use ${resource.id}. ${sentenceOf(rules)}`.trim(), REASON_MAX))})`,
    ...evidence,
    'permit (',
    `  principal == Agent::${cedarString(agent)},`,
    `  action == Action::${cedarString(action)},`,
    `  resource == ${resource.type}::${cedarString(resource.id)}`,
    ')',
    `when {\n  ${conjuncts.join(' &&\n  ')}\n};`,
  ].join('\n');
}

const REASON_MAX = 480;
const ID_PART_MAX = 28;

/** The digest keeps ids apart that look alike once what no id may hold is gone. */
export function idOf(agent: string, job: string, of: Pick<LearntTool, 'action' | 'resource'>): string {
  const { action, resource } = of;
  const named = JSON.stringify([agent, job, action, resource.type, resource.id]);
  const digest = createHash('sha256').update(named).digest('hex').slice(0, 8);
  const parts = [agent, job, resource.id].map((part) =>
    part.replaceAll(/[^A-Za-z0-9._-]+/g, '-').slice(0, ID_PART_MAX),
  );
  return `use-${parts.join('-')}-${digest}`;
}

/** Cedar for one rule, safe to stand among conjuncts. */
export function conditionOf(rule: Rule): string {
  if (rule.kind === 'absent') return rule.paths.map((path) => `!(${cedarHas(path)})`).join(' && ');
  const { path, shape, mayLack, type } = rule;
  const test = shapeText(cedarPath(path), shape, type);
  // Cedar tells that an attribute is there from `if … has`, and not from `!(… has) ||`.
  if (mayLack) return `(if ${cedarHas(path)} then ${test} else true)`;
  return rule.optional ? `${cedarHas(path)} && ${test}` : test;
}

function shapeText(at: string, shape: Shape, type: Extract<Rule, { kind: 'shape' }>['type']): string {
  const literal = (value: Scalar): string => {
    if (typeof value === 'string') return cedarString(value);
    return typeof value === 'number' && type === 'decimal' ? cedarDecimal(value) : String(value);
  };
  switch (shape.kind) {
    case 'one-of': {
      const [only, ...more] = shape.values.map(literal);
      return more.length === 0 ? `${at} == ${only}` : `[${[only, ...more].join(', ')}].contains(${at})`;
    }
    case 'members':
      return `[${shape.values.map(literal).join(', ')}].containsAll(${at})`;
    case 'range':
      return rangeText(at, shape, type === 'decimal');
    case 'same-as':
      return sameText(at, shape.attribute);
    case 'like':
      return likeText(at, shape.patterns, shape.without);
  }
}

function rangeText(at: string, { low, high }: Extract<Shape, { kind: 'range' }>, isDecimal: boolean): string {
  const bounds: string[] = [];
  if (low !== undefined) bounds.push(isDecimal ? `${at}.greaterThanOrEqual(${cedarDecimal(low)})` : `${at} >= ${low}`);
  if (high !== undefined) bounds.push(isDecimal ? `${at}.lessThanOrEqual(${cedarDecimal(high)})` : `${at} <= ${high}`);
  return bounds.length === 1 ? (bounds[0] as string) : `(${bounds.join(' && ')})`;
}

function sameText(at: string, attribute: string): string {
  if (attribute.startsWith('subject')) return `(context.run has subject && ${at} == context.run.${attribute})`;
  return attribute === 'purpose'
    ? `(context.run has purpose && ${at} == context.run.purpose)`
    : `${at} == context.run.${attribute}`;
}

function likeText(at: string, patterns: readonly Pattern[], without: readonly Pattern[]): string {
  const exact = patterns.filter((pattern) => pattern.length === 1).map(([text = '']) => cedarString(text));
  const wild = patterns.filter((pattern) => pattern.length > 1).map((pattern) => `${at} like ${cedarPattern(pattern)}`);
  const constants =
    exact.length === 0 ? [] : [exact.length === 1 ? `${at} == ${exact[0]}` : `[${exact.join(', ')}].contains(${at})`];
  const any = [...constants, ...wild];
  const nots = without.map((pattern) => `!(${at} like ${cedarPattern(pattern)})`);
  return `(${[any.length === 1 ? any[0] : `(${any.join(' || ')})`, ...nots].join(' && ')})`;
}

/** What the rules say, in words. */
export function sentenceOf(rules: readonly Rule[]): string {
  return rules.length === 0 ? '' : `${capital(rules.map(inWords).join('; '))}.`;
}

const capital = (text: string): string => text.slice(0, 1).toUpperCase() + text.slice(1);

export function inWords(rule: Rule): string {
  if (rule.kind === 'absent') return `without ${rule.paths.map((path) => path.join('.')).join(', ')}`;
  const name = rule.path.join('.');
  const { shape } = rule;
  switch (shape.kind) {
    case 'one-of':
      return shape.values.length === 1 ? `${name} is ${shape.values[0]}` : `${name} is one of ${some(shape.values)}`;
    case 'members':
      return `${name} holds only ${some(shape.values)}`;
    case 'range':
      return `${name} is ${shape.low ?? 'anything'} to ${shape.high ?? 'anything'}`;
    case 'same-as':
      return `${name} is the run's ${shape.attribute === 'subject.name' ? 'user' : shape.attribute}`;
    case 'like':
      return `${name} is like ${some(shape.patterns.map((parts) => parts.join('*')))}`;
  }
}

const NAMED_MAX = 6;

function some(values: readonly Scalar[]): string {
  const named = values.slice(0, NAMED_MAX).map(String).join(', ');
  return values.length > NAMED_MAX ? `${named} and ${values.length - NAMED_MAX} more` : named;
}
