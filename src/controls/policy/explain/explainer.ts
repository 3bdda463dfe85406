import type { Decision, DecisionRequest } from '../../../core/decision.ts';
import type { Registered } from '../catalog.ts';
import { createPolicySet, type PolicySet } from '../policy-set.ts';
import { readPolicies } from '../source.ts';
import type { PolicyFile } from '../types.ts';
import { evaluate } from './evaluation.ts';
import { type ExplainedPolicy, explainPolicies } from './explained.ts';
import { type NoChange, type SmallestChange, smallestChange } from './smallest.ts';

export type ExplainedAccess = { request: DecisionRequest; decision: Decision; policies: readonly ExplainedPolicy[] };

/** A decision told in full, under the set that made it. */
export type DecisionStory = {
  accesses: readonly ExplainedAccess[];
  /** undefined where everything is permitted, or where what stopped it is no policy: arguments that do not fit, a delegation. */
  change: SmallestChange | NoChange | undefined;
};

export interface Explainer {
  /**
   * @param set digest of the set to decide under: the one that a receipt names, or the active one.
   * @param requests the accesses of one exchange, in order.
   * @returns undefined where no such set is stored.
   */
  explain(set: string, requests: readonly DecisionRequest[]): Promise<DecisionStory | undefined>;
}

export type ExplainerParts = {
  /** Files of a stored set, by its whole digest. */
  filesOf(set: string): Promise<readonly PolicyFile[] | undefined>;
  registered(): Registered;
  fulfillable: Readonly<Record<string, readonly string[]>>;
};

/** People look at few sets at a time: the active one, and one from before an edit. */
const SETS_MAX = 4;

export function createExplainer(parts: ExplainerParts): Explainer {
  const sets = new Map<string, PolicySet>();

  async function setOf(digest: string): Promise<PolicySet | undefined> {
    const known = sets.get(digest);
    if (known !== undefined) return known;
    const files = await parts.filesOf(digest);
    if (files === undefined) return undefined;
    const made = createPolicySet(readPolicies(files, parts.fulfillable));
    const [oldest] = sets.keys();
    if (sets.size >= SETS_MAX && oldest !== undefined) {
      sets.get(oldest)?.release();
      sets.delete(oldest);
    }
    sets.set(digest, made);
    return made;
  }

  return {
    async explain(digest, requests) {
      const set = await setOf(digest);
      return set === undefined ? undefined : explainUnder(set, parts.registered(), requests);
    },
  };
}

/** Synchronous, so that no set is released in the middle. */
export function explainUnder(
  set: PolicySet,
  registered: Registered,
  requests: readonly DecisionRequest[],
): DecisionStory {
  const evaluated = requests.map((request) => evaluate(set, registered, request));
  const accesses = evaluated.map((one) => ({
    request: one.request,
    decision: one.decision,
    policies: explainPolicies(set, one),
  }));
  const refused = evaluated.filter(({ decision }) => decision.effect !== 'permit');
  const isPolicys = refused.length > 0 && refused.every(({ environment }) => environment !== undefined);
  return { accesses, change: isPolicys ? smallestChange(set, registered, evaluated) : undefined };
}
