import type {
  PolicyProblem as FoundProblem,
  ActiveSet as PolicyActiveSet,
  PolicyListing,
  Proposal as PolicyProposal,
} from '../../controls/policy/index.ts';
import { isRefusal } from '../../core/refusal.ts';
import type { ActiveSet, PolicyEntry, PolicyProblem, Proposal } from '../contract/index.ts';
import type { Handlers } from '../handler.ts';
import type { ApiPorts } from '../ports.ts';

export function policyHandlers({ policy }: ApiPorts): Pick<Handlers, 'policy' | 'policy.activate'> {
  return {
    policy: async () => {
      const { active, evaluator, problems } = policy.status();
      return {
        active: activeSet(active),
        evaluator,
        policies: policy.list().map(policyEntry),
        problems: problems.map(policyProblem),
        proposals: (await policy.proposals()).map(proposal),
      };
    },
    'policy.activate': async ({ body: { set, reason } }, { caller }) => {
      const active = await policy.activate(set, caller.by, reason);
      return isRefusal(active) ? active : activeSet(active);
    },
  };
}

export function activeSet({ digest, activated_at, activated_by, why }: PolicyActiveSet): ActiveSet {
  return { set: digest, activated_at, activated_by, why };
}

function policyEntry({ id, effect, file, line, reason, public: told, text, compiled }: PolicyListing): PolicyEntry {
  return { id, effect, file, line, reason, public: told ?? null, text, compiled };
}

export function policyProblem({ severity, file, line, column, policy, message, help }: FoundProblem): PolicyProblem {
  return { severity, file, line, column, policy: policy ?? null, message, help: help ?? null };
}

function proposal({ digest, proposed_at, proposed_by, added, removed, widens, changes }: PolicyProposal): Proposal {
  return {
    set: digest,
    proposed_at,
    proposed_by,
    added: [...added],
    removed: [...removed],
    widens: [...widens],
    changes: changes.map(({ id, before, after }) => ({ id, before: before ?? null, after: after ?? null })),
  };
}
