import { discovered } from '../../controls/policy/index.ts';
import type { Access, Decision, DecisionRequest } from '../../core/decision.ts';
import { type Refusal, refuse } from '../../core/refusal.ts';
import type { Pass, PassRules } from '../pass.ts';
import type { StageRun } from '../pipeline.ts';

export type Decider = PassRules;

/** Rules that change, and can be held still for one exchange. */
export type Rules = Decider & { pinned(): Decider };

/** Whether policy's refusals are recorded and not enforced, now. */
export type ObservingNow = () => boolean;

/**
 * Every access of the exchange is decided; all must be permitted. From here to its end the pass is under one version of the
 * rules: a list that takes its time, or asks several servers, does not begin under one and end under another. While the
 * gateway observes, policy's own refusals are recorded and let through; what no policy could permit is refused all the same.
 */
export function decide(rules: Rules, observing: ObservingNow): StageRun {
  return (pass) => {
    const policy = rules.pinned();
    pass.rules = policy;
    const decisions = pass.intent.accesses.map((access) => decideAccess(policy, pass, access));
    pass.decisions = decisions;
    pass.live.rests_on = pass.intent.effect === 'discover' ? [] : decisions.flatMap(({ rests_on }) => rests_on ?? []);
    const isObserved = observing();
    if (isObserved) pass.observing = whatItWouldBe(decisions);
    const denied = decisions.findIndex(
      ({ effect, code }) => effect === 'deny' && !(isObserved && isSoftened(pass, code)),
    );
    if (denied < 0) return pass.intent.defect;
    const access = pass.intent.accesses[denied] as Access;
    if (isHidden(policy, pass, access)) pass.shown = refuse('not_found', 'hidden from this agent');
    else pass.shown = pass.intent.defect;
    return refusalOf(decisions[denied] as Decision);
  };
}

/** What policies say, and nothing else: neither what was lent, nor what a tool's schema refuses. */
const SOFTENED: ReadonlySet<string | undefined> = new Set(['policy_denied', 'policy_error', 'argument_unmapped']);

/**
 * A server's own requests reach a person and stay refused, for nobody chose them; and others act on what the decision point
 * answers, so that it answers as ever.
 */
function isSoftened(pass: Pass, code: Decision['code']): boolean {
  return pass.parent === undefined && pass.attempt.protocol !== 'authzen' && SOFTENED.has(code);
}

function whatItWouldBe(decisions: readonly Decision[]): Pass['observing'] {
  const denied = decisions.find(({ effect }) => effect === 'deny');
  if (denied !== undefined) return { would: 'deny', code: denied.code ?? null };
  return { would: decisions.some(({ effect }) => effect === 'hold') ? 'hold' : 'permit', code: null };
}

/** The facts that policy may look at, from identity and the run alone. */
export function factsOf(pass: Pass): Omit<DecisionRequest, 'access'> {
  const { principal, agent, credential } = pass.caller;
  return { principal, agent, credential, run: pass.run, protocol: pass.attempt.protocol };
}

function decideAccess(policy: Decider, pass: Pass, access: Access): Decision {
  const decision = policy.decide({ ...factsOf(pass), access });
  return pass.intent.effect === 'discover' ? discovered(decision) : decision;
}

/**
 * What an agent may not use under any arguments it is not told of: hidden and nonexistent answer alike. What it may use and
 * was only not lent here it knows already.
 */
export function isHidden(policy: Decider, pass: Pass, access: Access): boolean {
  if (pass.intent.effect === 'discover') return false;
  const facts = factsOf(pass);
  const own = facts.run.scopes.length === 0 ? facts : { ...facts, run: { ...facts.run, scopes: [] } };
  return policy.visible(own, [access])[0] !== true;
}

function refusalOf(decision: Decision): Refusal {
  const shown = [...decision.notes.flatMap((note) => note.public ?? []), ...decision.hints].join(' ');
  return refuse(decision.code ?? 'policy_denied', decision.summary, {
    public: shown === '' ? undefined : shown,
    policies: decision.policies,
  });
}
