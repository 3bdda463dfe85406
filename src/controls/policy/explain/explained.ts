import type { Environment } from '../cedar/environment.ts';
import type { Constraint } from '../cedar/scope.ts';
import { scopeMatches } from '../cedar/scope.ts';
import type { Entity } from '../cedar/values.ts';
import type { LoadedPolicy } from '../combine.ts';
import type { PolicySet } from '../policy-set.ts';
import type { PolicyTrace } from '../types.ts';
import { DEFAULT_DENY } from '../vocabulary.ts';
import type { Evaluated } from './evaluation.ts';
import { explainOutcomes, lastClauseOf } from './trace.ts';

/** A policy that a decision rests on or that came near, in its source. */
export type ExplainedPolicy = Omit<PolicyTrace, 'outcome' | 'at'> & {
  file: string;
  line: number;
  reason: string;
  public: string | undefined;
  text: string;
  /** `unmatched`: its head names something else. Told where nothing came nearer. */
  outcome: PolicyTrace['outcome'] | 'unmatched';
  /** Whether the decision rests on it: for a refusal by default, every permit that might have held. */
  determining: boolean;
};

const NEAR_MAX = 3;
const IN_SCOPE_MAX = 50;

/** Determining ones first. */
export function explainPolicies(set: PolicySet, { decision, outcomes, environment }: Evaluated): ExplainedPolicy[] {
  if (environment === undefined) return [];
  const byDefault = decision.policies[0] === DEFAULT_DENY;
  const traces = explainOutcomes(outcomes, environment);
  const inScope = outcomes.map(({ policy }, at): ExplainedPolicy => {
    const { at: _, ...trace } = traces[at] as PolicyTrace;
    const clause = trace.clause ?? (trace.outcome === 'satisfied' ? lastClauseOf(policy, environment) : undefined);
    const determining = byDefault ? policy.role === 'permit' : decision.policies.includes(policy.id);
    return { ...sourceOf(policy), ...trace, clause: clause ?? headClause(policy, environment), determining };
  });
  const near = byDefault && !inScope.some(({ determining }) => determining) ? nearest(set, environment) : [];
  const order = (one: ExplainedPolicy): number => (one.determining ? 0 : 1);
  return [...inScope.sort((a, b) => order(a) - order(b)).slice(0, IN_SCOPE_MAX), ...near];
}

function sourceOf({ source, note }: LoadedPolicy) {
  const { file, line, text } = source;
  return { file, line, text, reason: note.reason, public: note.public };
}

/** Permits whose heads name as many of principal, action and resource as any does. */
function nearest({ policies }: PolicySet, environment: Environment): ExplainedPolicy[] {
  const missed = policies
    .filter(({ role, scope }) => role === 'permit' && !scopeMatches(scope, environment))
    .map((policy) => ({ policy, parts: missedParts(policy, environment) }))
    .sort((a, b) => a.parts.length - b.parts.length);
  const least = missed[0]?.parts.length ?? 0;
  const near = missed.filter(({ parts }) => parts.length === least).slice(0, NEAR_MAX);
  return near.map(({ policy, parts }) => ({
    ...sourceOf(policy),
    id: policy.id,
    effect: policy.effect,
    outcome: 'unmatched',
    determining: true,
    shadow: false,
    error: undefined,
    clause: clauseOf(parts),
  }));
}

type Part = { name: 'principal' | 'action' | 'resource'; constraint: Constraint; entity: Entity };

function partsOf({ scope }: LoadedPolicy, { principal, action, resource }: Environment): Part[] {
  return [
    { name: 'principal', constraint: scope.principal, entity: principal },
    { name: 'action', constraint: scope.action, entity: action },
    { name: 'resource', constraint: scope.resource, entity: resource },
  ];
}

function missedParts(policy: LoadedPolicy, environment: Environment): Part[] {
  const whatever = { kind: 'any' } as const;
  return partsOf(policy, environment).filter(
    ({ name, constraint }) =>
      !scopeMatches({ principal: whatever, action: whatever, resource: whatever, [name]: constraint }, environment),
  );
}

/** A policy without conditions is its head. */
function headClause(policy: LoadedPolicy, environment: Environment): PolicyTrace['clause'] {
  return clauseOf(partsOf(policy, environment));
}

function clauseOf(parts: readonly Part[]): NonNullable<PolicyTrace['clause']> {
  return {
    text: `(${parts.map(constraintText).join(', ')})`,
    values: parts.map(({ name, entity }) => ({ path: name, value: entityText(entity) })),
  };
}

function constraintText({ name, constraint }: Part): string {
  switch (constraint.kind) {
    case 'any':
      return name;
    case 'equals':
      return `${name} == ${entityText(constraint.entity)}`;
    case 'within': {
      const [only, ...more] = constraint.entities.map(entityText);
      return more.length === 0 ? `${name} in ${only}` : `${name} in [${[only, ...more].join(', ')}]`;
    }
    case 'is':
      return `${name} is ${constraint.type}${constraint.within === undefined ? '' : ` in ${entityText(constraint.within)}`}`;
  }
}

function entityText({ type, id }: Entity): string {
  return `${type}::${JSON.stringify(id)}`;
}
