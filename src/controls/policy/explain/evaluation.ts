import type { Decision, DecisionRequest } from '../../../core/decision.ts';
import { ArgumentsInvalid, mapArguments } from '../argument-values.ts';
import type { Registered } from '../catalog.ts';
import type { Environment } from '../cedar/environment.ts';
import { combine, invalidArguments, type LoadedOutcome } from '../combine.ts';
import { hopThatLacks, notLent } from '../delegated.ts';
import { createEntityCache, environmentOf, requesterOf } from '../environment.ts';
import type { PolicySet } from '../policy-set.ts';

/** A request under one set, with all that led to its decision. */
export type Evaluated = {
  request: DecisionRequest;
  decision: Decision;
  /** Policies in scope; none where no policy was asked. */
  outcomes: readonly LoadedOutcome[];
  /** undefined where the request was refused before any policy could look at it. */
  environment: Environment | undefined;
  unmapped: readonly string[];
};

/** Decides as the engine does, under a set that need not be the active one; nothing is sampled or remembered. */
export function evaluate(set: PolicySet, registered: Registered, request: DecisionRequest): Evaluated {
  const { access, ...facts } = request;
  const before = (decision: Decision): Evaluated => ({
    request,
    decision,
    outcomes: [],
    environment: undefined,
    unmapped: [],
  });
  const lacking = hopThatLacks(request, access);
  if (lacking !== undefined) return before(notLent(lacking, request, set.digest));
  const args = mapArguments(access.args, registered.argumentsOf(access.action, access.resource));
  if (args instanceof ArgumentsInvalid) return before(invalidArguments(args.message, set.digest));
  const entityOf = createEntityCache();
  const requester = requesterOf(facts, entityOf);
  const environment = environmentOf(requester, access.action, entityOf(access.resource), args);
  const outcomes = set.evaluate(environment, args.unmapped);
  return { request, decision: combine(outcomes, set.digest), outcomes, environment, unmapped: args.unmapped };
}
