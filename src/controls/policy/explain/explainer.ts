import type { Decision, DecisionRequest } from '../../../core/decision.ts';
import type { Registered } from '../catalog.ts';
import { discovered } from '../discovery.ts';
import { beside, type OpenGrant } from '../life/rules.ts';
import { createPolicySet, type PolicySet } from '../policy-set.ts';
import type { RecordedDecision } from '../recorded.ts';
import { registeredBy } from '../replay/replay.ts';
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
  /** A request that nobody has made, under the rules of this moment; undefined where the active set is not stored. */
  explain(set: string, request: DecisionRequest): Promise<DecisionStory | undefined>;
  /**
   * What was decided, under the set that decided it and with the arguments' types of then.
   * @returns undefined where that set is not stored.
   */
  explainRecorded(recorded: RecordedDecision): Promise<DecisionStory | undefined>;
}

export type ExplainerParts = {
  /** Files of a stored set, by its whole digest. */
  filesOf(set: string): Promise<readonly PolicyFile[] | undefined>;
  registered(): Registered;
  /** Temporary privilege that stands open for the agent now, and that stood open then. */
  grants: { now(agent: string): readonly OpenGrant[]; at(recorded: RecordedDecision): Promise<readonly OpenGrant[]> };
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
    async explain(digest, request) {
      const set = await setOf(digest);
      if (set === undefined) return undefined;
      return explainUnder(set, parts.registered(), [request], { grants: parts.grants.now(request.agent.id) });
    },
    async explainRecorded(recorded) {
      const open = await parts.grants.at(recorded);
      const set = await setOf(recorded.set);
      const { request, accesses, discovers } = recorded;
      const requests = accesses.map((access) => ({ ...request, access }));
      const registered = registeredThen(recorded, parts.registered());
      return set && explainUnder(set, registered, requests, { discovers, grants: open });
    },
  };
}

/** Synchronous, so that no set is released in the middle. */
export function explainUnder(
  set: PolicySet,
  registered: Registered,
  requests: readonly DecisionRequest[],
  { discovers = false, grants = [] }: { discovers?: boolean; grants?: readonly OpenGrant[] } = {},
): DecisionStory {
  const rules = beside(set, grants);
  const evaluated = requests.map((request) => {
    const one = evaluate(rules, registered, request);
    return discovers ? { ...one, decision: discovered(one.decision) } : one;
  });
  const accesses = evaluated.map((one) => ({
    request: one.request,
    decision: one.decision,
    policies: explainPolicies(rules, one),
  }));
  const refused = evaluated.filter(({ decision }) => decision.effect !== 'permit');
  const isPolicys = refused.length > 0 && refused.every(({ environment }) => environment !== undefined);
  if (!isPolicys) return { accesses, change: undefined };
  // What is changed is the set: a grant is given and ended, never edited.
  const bare = grants.length === 0 ? evaluated : requests.map((request) => evaluate(set, registered, request));
  return { accesses, change: smallestChange(set, registered, bare) };
}

/** What is offered now, but for what was asked for, which is as it was: other calls are tried as they would come today. */
function registeredThen({ registered }: RecordedDecision, now: Registered): Registered {
  if (registered === undefined) return now;
  const then = registeredBy(registered);
  const { action, resource } = registered;
  const isIt = (asked: string, { type, id }: DecisionRequest['access']['resource']): boolean =>
    asked === action && type === resource.type && id === resource.id;
  return {
    find: (asked, of) => (isIt(asked, of) ? then : now).find(asked, of),
    argumentsOf: (asked, of) => (isIt(asked, of) ? then : now).argumentsOf(asked, of),
    servers: new Set([...now.servers, ...then.servers]),
    entries: (type) => [
      ...now.entries(type).filter(([id]) => type !== resource.type || id !== resource.id),
      ...then.entries(type),
    ],
  };
}
