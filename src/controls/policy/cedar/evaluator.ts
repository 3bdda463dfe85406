import type { Environment } from './environment.ts';
import { type CompiledPolicy, evaluateConditions } from './policy.ts';
import { indexPolicies } from './policy-index.ts';
import { type Result, UNKNOWN } from './results.ts';
import { scopeMatches } from './scope.ts';

/** How a policy whose head matches came out: true, false, a `Failure`, or `Partial` where something was unknown. */
export type Outcome = { policy: CompiledPolicy; result: Result };

/** Results of one list, by policy: its candidates differ in action and resource only. */
export type ListMemory = Map<CompiledPolicy, Result>;

/** Answers for a policy in scope that could not be compiled. */
export type Fallback = (policy: CompiledPolicy, environment: Environment) => Result;

export interface Evaluator {
  /**
   * One outcome for each policy in scope, in the order of the set. Without a fallback, what could not be compiled comes
   * out unknown: right for lists, and never a permit.
   */
  evaluate(environment: Environment, fallback?: Fallback): Outcome[];
  /** The same without a fallback, for one of many candidates. */
  evaluateListed(environment: Environment, memory: ListMemory): Outcome[];
}

export function createEvaluator(policies: readonly CompiledPolicy[]): Evaluator {
  const index = indexPolicies(policies);
  const evaluate = (environment: Environment, run: (policy: CompiledPolicy) => Result): Outcome[] => {
    const outcomes: Outcome[] = [];
    for (const policy of index.candidates(environment)) {
      if (scopeMatches(policy.scope, environment)) outcomes.push({ policy, result: run(policy) });
    }
    return outcomes;
  };
  return {
    evaluate: (environment, fallback) =>
      evaluate(environment, (policy) =>
        policy.conjuncts === undefined
          ? (fallback?.(policy, environment) ?? UNKNOWN)
          : evaluateConditions(policy.conjuncts, environment),
      ),
    evaluateListed: (environment, memory) =>
      evaluate(environment, (policy) => remembered(policy, memory) ?? remember(policy, environment, memory)),
  };
}

function remembered(policy: CompiledPolicy, memory: ListMemory): Result | undefined {
  return policy.looksAtResource ? undefined : memory.get(policy);
}

function remember(policy: CompiledPolicy, environment: Environment, memory: ListMemory): Result {
  if (policy.conjuncts === undefined) return UNKNOWN;
  const result = evaluateConditions(policy.conjuncts, environment);
  if (!policy.looksAtResource) memory.set(policy, result);
  return result;
}
