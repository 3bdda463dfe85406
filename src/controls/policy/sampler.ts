import type { Clock } from '../../core/clock.ts';
import type { Environment } from './cedar/environment.ts';
import { Failure } from './cedar/results.ts';
import type { LoadedOutcome } from './combine.ts';
import type { PolicySet } from './policy-set.ts';
import type { Disagreement } from './types.ts';

/**
 * Compares live decisions with cedar-wasm for as long as the gateway runs. A comparison costs milliseconds with many
 * policies, so it happens after the decision, and at most so often.
 */
export interface Sampler {
  /** True from the first difference on, until the process ends: closures that were wrong once are not asked again. */
  readonly disagreed: boolean;
  consider(set: PolicySet, environment: Environment, outcomes: readonly LoadedOutcome[]): void;
}

const SAMPLE_MS_MIN = 500;
/** A set is made ready for cedar-wasm once, in milliseconds in which nothing else is decided: not for one that is replaced at once. */
const SETTLED_MS = 1_000;

export type SamplerOptions = {
  clock: Clock;
  onDisagreement(disagreement: Disagreement): void;
  report(problem: string, error: unknown): void;
};

export function createSampler({ clock, onDisagreement, report }: SamplerOptions): Sampler {
  let disagreed = false;
  let next_at = Number.NEGATIVE_INFINITY;
  const met = new WeakMap<PolicySet, number>();
  const isSettled = (set: PolicySet, now: number): boolean => {
    const since = met.get(set);
    if (since === undefined) met.set(set, now);
    return since !== undefined && now - since >= SETTLED_MS;
  };
  const compare = (set: PolicySet, environment: Environment, outcomes: readonly LoadedOutcome[]): void => {
    // A set that has been replaced meanwhile is nobody's any more.
    if (disagreed || set.released) return;
    let policies: readonly string[];
    try {
      policies = differences(set, environment, outcomes);
    } catch (error) {
      // That says nothing against the closures, and cedar-wasm would be no better alone.
      report('a decision could not be compared with cedar-wasm', error);
      return;
    }
    if (policies.length === 0) return;
    disagreed = true;
    const { action, resource } = environment;
    onDisagreement({
      set: set.digest,
      action: action.id,
      resource: { type: resource.type, id: resource.id },
      policies,
    });
  };
  return {
    get disagreed() {
      return disagreed;
    },
    consider: (set, environment, outcomes) => {
      const now = clock.monotonic();
      if (now < next_at || !isSettled(set, now)) return;
      next_at = now + SAMPLE_MS_MIN;
      clock.after(0, () => compare(set, environment, outcomes));
    },
  };
}

/** Ids of policies that came out otherwise. */
function differences(set: PolicySet, environment: Environment, outcomes: readonly LoadedOutcome[]): string[] {
  const plain = (list: readonly LoadedOutcome[]): Map<string, string> =>
    new Map(
      list.flatMap(({ policy, result }) => {
        const outcome = result === true ? 'satisfied' : result instanceof Failure ? 'error' : undefined;
        return outcome === undefined ? [] : [[policy.id, outcome] as const];
      }),
    );
  const ours = plain(outcomes);
  const theirs = plain(set.evaluateByReference(environment, []));
  return [...new Set([...ours.keys(), ...theirs.keys()])].filter((id) => ours.get(id) !== theirs.get(id));
}
