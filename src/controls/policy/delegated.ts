import type { Decision, DecisionRequest } from '../../core/decision.ts';
import { type Scope, scopeCovers } from '../../core/scope.ts';
import { DELEGATION_SCOPE } from './vocabulary.ts';

/**
 * What was delegated bounds an agent beside all policies: every hop of the chain must lend the access. A policy may permit
 * less, never more. What there is may be asked all the same, since a list shows only what may be used.
 */
const ALWAYS_LENT = 'server.discover';

type Asked = Pick<DecisionRequest, 'principal' | 'run'>;

/** The first hop that does not lend it; undefined where nothing was delegated or all of them do. */
export function hopThatLacks(
  { principal, run }: Asked,
  access: Pick<DecisionRequest['access'], 'action' | 'resource'>,
): Scope | undefined {
  if (run.scopes.length === 0 || principal.type !== 'Agent' || access.action === ALWAYS_LENT) return undefined;
  return run.scopes.find((scope) => !scopeCovers(scope, access));
}

export function notLent(scope: Scope, { run, access }: DecisionRequest, set: string): Decision {
  const hop = run.scopes.indexOf(scope) + 1;
  const { type, id } = access.resource;
  return {
    effect: 'deny',
    code: 'delegation_exceeded',
    policies: [DELEGATION_SCOPE],
    notes: [],
    summary: `hop ${hop} of the delegation of run ${run.id} does not lend ${access.action} on ${type}::${id}`,
    hints: [
      `This is more than was delegated: ${listed(scope.actions, 'every action')} on ${listed(scope.resources, 'every resource')}.`,
    ],
    errors: [],
    obligations: [],
    shadow: [],
    set,
  };
}

const TOLD_MAX = 8;

function listed(entries: readonly string[] | null, all: string): string {
  if (entries === null) return all;
  return `${entries.slice(0, TOLD_MAX).join(', ')}${entries.length > TOLD_MAX ? ' …' : ''}`;
}
