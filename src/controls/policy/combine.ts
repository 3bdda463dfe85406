import type { Decision, DenialCode, Obligation, PolicyNote } from '../../core/decision.ts';
import { obligationsOf } from './annotations.ts';
import type { CompiledPolicy } from './cedar/policy.ts';
import { Failure, type Result } from './cedar/results.ts';
import type { PolicySource } from './places.ts';
import { ARGUMENT_CHECK, DEFAULT_DENY } from './vocabulary.ts';

/**
 * How outcomes become a decision (DESIGN, section 6). Cedar skips a policy that errs; here a `forbid` in scope that errs
 * denies, since otherwise an agent could switch a prohibition off by choosing an argument that it trips over.
 */
export type LoadedPolicy = CompiledPolicy & {
  source: PolicySource;
  note: PolicyNote;
  role: 'permit' | 'forbid' | 'approve' | 'shadow';
  obligations: readonly Obligation[];
  label: string;
};

export type LoadedOutcome = { policy: LoadedPolicy; result: Result };

export function loadedPolicy(compiled: CompiledPolicy, source: PolicySource): LoadedPolicy {
  const { annotations, id, effect } = source;
  const at = `${source.file}:${source.line}`;
  const plain = effect === 'forbid' && annotations['approve'] !== undefined ? 'approve' : effect;
  return {
    ...compiled,
    source,
    note: { id, reason: annotations['reason'] ?? '', public: annotations['public'], at },
    role: annotations['shadow'] === undefined ? plain : 'shadow',
    obligations: obligationsOf(source),
    label: `${id} (${at})`,
  };
}

type Sorted = {
  permits: LoadedPolicy[];
  unsatisfied: LoadedPolicy[];
  forbids: LoadedPolicy[];
  approvals: LoadedPolicy[];
  failing: { policy: LoadedPolicy; failure: Failure }[];
  shadow: { policy: string; satisfied: boolean }[];
};

function sort(outcomes: readonly LoadedOutcome[]): Sorted {
  const sorted: Sorted = { permits: [], unsatisfied: [], forbids: [], approvals: [], failing: [], shadow: [] };
  for (const { policy, result } of outcomes) {
    if (policy.role === 'shadow') {
      sorted.shadow.push({ policy: policy.id, satisfied: result === true });
      continue;
    }
    if (result instanceof Failure) sorted.failing.push({ policy, failure: result });
    if (policy.role === 'permit') (result === true ? sorted.permits : sorted.unsatisfied).push(policy);
    else if (result === true) (policy.role === 'approve' ? sorted.approvals : sorted.forbids).push(policy);
  }
  return sorted;
}

export function combine(outcomes: readonly LoadedOutcome[], set: string): Decision {
  const sorted = sort(outcomes);
  const denial = denialOf(sorted);
  const errors = sorted.failing.map(({ policy, failure }) => ({ policy: policy.id, message: failure.message }));
  const base = { errors, shadow: sorted.shadow, set };
  if (denial !== undefined) return { ...base, ...denial, effect: 'deny', obligations: [] };
  const granted = sorted.permits.flatMap((policy) => policy.obligations);
  if (sorted.approvals.length === 0) {
    return {
      ...base,
      effect: 'permit',
      code: undefined,
      ...determined(sorted.permits, 'permitted by'),
      obligations: granted,
    };
  }
  const held = determined(sorted.approvals, 'needs approval by');
  const asked = sorted.approvals.flatMap((policy) => policy.obligations);
  return { ...base, effect: 'hold', code: undefined, ...held, obligations: [...asked, ...granted] };
}

type Determined = Pick<Decision, 'policies' | 'notes' | 'summary' | 'hints'>;

function determined(policies: readonly LoadedPolicy[], verb: string): Determined {
  return {
    policies: policies.map((policy) => policy.id),
    notes: policies.map((policy) => policy.note),
    summary: `${verb} ${policies.map((policy) => policy.label).join(', ')}`,
    hints: [],
  };
}

function denialOf(sorted: Sorted): (Determined & { code: DenialCode }) | undefined {
  const unreadable = sorted.failing.filter(({ failure }) => failure.kind === 'unmapped');
  const erring = sorted.failing.filter(({ policy, failure }) => failure.kind === 'error' && policy.role !== 'permit');
  const failed = [...unreadable, ...erring];
  const parts = [
    ...sorted.forbids.map((policy) => ({ policy, text: `forbidden by ${policy.label}` })),
    ...failed.map(({ policy, failure }) => ({ policy, text: `${policy.label} failed: ${failure.message}` })),
  ];
  if (parts.length === 0) return sorted.permits.length > 0 ? undefined : implicit(sorted.unsatisfied);
  const code =
    sorted.forbids.length > 0 ? 'policy_denied' : unreadable.length > 0 ? 'argument_unmapped' : 'policy_error';
  const policies = parts.map(({ policy }) => policy);
  return { ...determined(policies, ''), summary: parts.map(({ text }) => text).join('; '), code };
}

/** Nothing permits it. What would be is said by the permits for this very action and resource. */
function implicit(unsatisfied: readonly LoadedPolicy[]): Determined & { code: DenialCode } {
  const inScope = unsatisfied.map((policy) => policy.label).join(', ');
  return {
    code: 'policy_denied',
    policies: [DEFAULT_DENY],
    notes: [],
    summary: `no policy permits it${inScope === '' ? '' : `; in scope but not satisfied: ${inScope}`}`,
    hints: [...new Set(unsatisfied.flatMap((policy) => policy.note.public ?? []))],
  };
}

/** Arguments that do not fit the declared schema are denied before any policy looks at them. */
export function invalidArguments(message: string, set: string): Decision {
  return {
    effect: 'deny',
    code: 'arguments_invalid',
    policies: [ARGUMENT_CHECK],
    notes: [],
    summary: message,
    hints: [],
    errors: [],
    obligations: [],
    shadow: [],
    set,
  };
}
