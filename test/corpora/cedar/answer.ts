import type { Outcome } from '../../../src/controls/policy/cedar/evaluator.ts';
import { Failure } from '../../../src/controls/policy/cedar/results.ts';

/** Decision, determining policies and errors as Cedar itself states them: the combination that the corpus knows. */
export function cedarAnswer(outcomes: readonly Outcome[]): {
  decision: 'allow' | 'deny';
  reason: string[];
  errors: string[];
} {
  const satisfied = (effect: 'permit' | 'forbid'): string[] =>
    outcomes.filter(({ policy, result }) => policy.effect === effect && result === true).map(({ policy }) => policy.id);
  const errors = outcomes.filter(({ result }) => result instanceof Failure).map(({ policy }) => policy.id);
  const forbids = satisfied('forbid');
  const permits = satisfied('permit');
  const decision = forbids.length === 0 && permits.length > 0 ? 'allow' : 'deny';
  return { decision, reason: decision === 'allow' ? permits : forbids, errors };
}
