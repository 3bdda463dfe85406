import type { Decision } from '../../../core/decision.ts';
import type { PastGrants } from '../life/past-grants.ts';
import type { PolicySet } from '../policy-set.ts';
import { isReplayable, type Missing, type Recorded, type RecordedDecision } from '../recorded.ts';
import { type DifferenceGroup, Differences } from './differences.ts';
import { Sameness } from './identical.ts';
import { createReplay, type Replay, type Replayed } from './replay.ts';

export type SimulationResult = {
  /** Exchanges that were decided, and how many different requests they made of policy. */
  decisions: number;
  distinct: number;
  /** Decided again to the same effect. */
  unchanged: number;
  /** Of these, how many by other policies, or with other errors. */
  by_others: number;
  /** Of the differences, how many the active set makes as well: they came with it, and not with the candidate. */
  already: number;
  newly_denied: DifferenceGroup;
  newly_permitted: DifferenceGroup;
  newly_held: DifferenceGroup;
  /** Decisions that cannot be made again, by what is missing. */
  not_replayable: Partial<Record<Missing, number>>;
};

type Verdict = Pick<Replayed, 'effect' | 'code' | 'policies' | 'errors'>;
/** What both sets say of a request; the active one is asked only where the candidate differs. */
type Known = { candidate: Verdict; active: Decision['effect'] | undefined };

/** Requests remembered at one time. Older ones are forgotten, and decided again if they come again. */
const REMEMBERED_MAX = 20_000;

/** What a candidate set would have decided, exchange by exchange. Feeding it a million takes no more memory than some thousands. */
export class Simulation {
  readonly #candidate: Replay;
  readonly #active: Replay | undefined;
  readonly #sameness: Sameness;
  readonly #grants: PastGrants;
  #young = new Map<string, Known>();
  #old = new Map<string, Known>();
  readonly #groups = { deny: new Differences(), permit: new Differences(), hold: new Differences() };
  readonly #missing: Partial<Record<Missing, number>> = {};
  #decisions = 0;
  #distinct = 0;
  #unchanged = 0;
  #byOthers = 0;
  #already = 0;

  /** @param grants what stood open beside the sets when each decision was made. */
  constructor(candidate: PolicySet, active: PolicySet | undefined, grants: PastGrants) {
    this.#grants = grants;
    this.#candidate = createReplay(candidate, grants);
    this.#active = active && createReplay(active, grants);
    this.#sameness = new Sameness([candidate.text, ...(active === undefined ? [] : [active.text])]);
  }

  get differences(): number {
    const { deny, permit, hold } = this.#groups;
    return deny.count + permit.count + hold.count;
  }

  take(recorded: Recorded): void {
    if (!isReplayable(recorded)) {
      this.#missing[recorded.because] = (this.#missing[recorded.because] ?? 0) + 1;
      return;
    }
    this.#decisions += 1;
    const known = this.#known(recorded);
    const { candidate } = known;
    if (candidate.effect === recorded.effect) {
      this.#unchanged += 1;
      if (!isSameVerdict(candidate, recorded)) this.#byOthers += 1;
      return;
    }
    if (this.#active !== undefined) {
      known.active ??= this.#active.decide(recorded).effect;
      if (known.active === candidate.effect) this.#already += 1;
    }
    this.#groups[candidate.effect].add(recorded, candidate, () => this.#candidate.why(recorded));
  }

  result(): SimulationResult {
    return {
      decisions: this.#decisions,
      distinct: this.#distinct,
      unchanged: this.#unchanged,
      by_others: this.#byOthers,
      already: this.#already,
      newly_denied: this.#groups.deny.group(),
      newly_permitted: this.#groups.permit.group(),
      newly_held: this.#groups.hold.group(),
      not_replayable: { ...this.#missing },
    };
  }

  #known(recorded: RecordedDecision): Known {
    const open = this.#grants.at(recorded).map(({ policy }) => policy);
    const key = `${open.join()}\u0000${this.#sameness.keyOf(recorded)}`;
    const young = this.#young.get(key);
    if (young !== undefined) return young;
    const old = this.#old.get(key);
    const known = old ?? { candidate: verdictOf(this.#candidate.decide(recorded)), active: undefined };
    if (old === undefined) this.#distinct += 1;
    if (this.#young.size >= REMEMBERED_MAX) [this.#old, this.#young] = [this.#young, new Map()];
    this.#young.set(key, known);
    return known;
  }
}

/** Without notes, summaries and obligations, which are kept for nobody. */
function verdictOf({ effect, code, policies, errors }: Replayed): Verdict {
  return { effect, code, policies, errors };
}

function isSameVerdict(one: Verdict, other: Verdict): boolean {
  return one.code === other.code && isSameList(one.policies, other.policies) && isSameList(one.errors, other.errors);
}

function isSameList(one: readonly string[], other: readonly string[]): boolean {
  return one.length === other.length && one.every((text, at) => text === other[at]);
}
