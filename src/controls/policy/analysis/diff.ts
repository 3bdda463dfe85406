import type { Decision } from '../../../core/decision.ts';
import type { Environment } from '../cedar/environment.ts';
import { Failure, MAY_BE_FALSE, MAY_BE_TRUE, MAY_FAIL, maskOf, type Result } from '../cedar/results.ts';
import { createEngine, type Engine } from '../engine.ts';
import { createPolicySet } from '../policy-set.ts';
import type { PolicyText } from '../source.ts';
import { readPolicies } from '../source.ts';
import type { PolicyFile } from '../types.ts';
import { type Assignment, type Cell, requestOf } from './cell.ts';
import { fingerprint } from './fingerprint.ts';
import type { Registration } from './registration.ts';
import { cellKey, inScope, type Ready, ready, resultOf, type Space, spaceOf } from './scoped.ts';
import type { Steps } from './slices.ts';
import type { SetDiff, Undecided } from './types.ts';
import { Budget, type Judgement, walk } from './walk.ts';
import { type CellDifference, type DifferenceKind, tell, undecidedTold } from './words.ts';
import { cellsOf, worldOf } from './world.ts';

/** Who gains and who loses what from `before` to `after`, over everything that is registered. */
export function* diffPolicies(
  before: readonly PolicyFile[],
  after: readonly PolicyFile[],
  registration: Registration,
): Steps<SetDiff> {
  const [old, now] = [before, after].map((files) => readPolicies(files, registration.fulfillable)) as [
    PolicyText,
    PolicyText,
  ];
  const problems = [...old.problems, ...now.problems].filter(({ severity }) => severity === 'error');
  if (problems.length > 0) return { equal: false, differences: [], undecided: [], compared: 0, problems };
  const comparing = new Comparing(old, now, registration);
  try {
    yield* comparing.run();
    return { ...comparing.report(), problems };
  } finally {
    comparing.release();
  }
}

/** Cases that are walked one by one; each has values to make before. */
const WALKS_MAX = 5_000;

export class Comparing {
  readonly #world;
  readonly #old: Side;
  readonly #now: Side;
  readonly #found: CellDifference[] = [];
  readonly #undecided: { cell: Cell; because: string }[] = [];
  /** What was found for a cell holds for each that its policies cannot tell from it. */
  readonly #known = new Map<string, Outcome>();
  readonly #budget = new Budget();
  #compared = 0;

  constructor(old: PolicyText, now: PolicyText, registration: Registration) {
    this.#world = worldOf([...old.policies, ...now.policies], registration);
    this.#old = sideOf(old, this.#world.catalogs, registration);
    this.#now = sideOf(now, this.#world.catalogs, registration);
  }

  *run(): Steps<void> {
    const { onlyOld, onlyNow, both } = apart(this.#old.policies, this.#now.policies);
    for (const { cell, schema } of cellsOf(this.#world)) {
      this.#compared += 1;
      yield;
      const [gone, come] = [inScope(onlyOld, cell), inScope(onlyNow, cell)];
      if (gone.length + come.length === 0) continue;
      const stay = inScope(both, cell);
      const key = keyOf(cell, [gone, come, stay]);
      const outcome =
        this.#again(this.#known.get(key), cell) ?? (yield* this.#compare(cell, { gone, come, stay }, schema));
      this.#known.set(key, outcome);
      this.#note(cell, outcome);
    }
  }

  report(): Omit<SetDiff, 'problems'> {
    const differences = tell(this.#found, this.#old.engine, this.#now.engine);
    const undecided: Undecided[] = undecidedTold(this.#undecided);
    return { equal: differences.length + undecided.length === 0, differences, undecided, compared: this.#compared };
  }

  /** For tests and for whoever checks the check: which cells differ in what way, and which were not settled. */
  cells(): { differing: readonly CellDifference[]; undecided: readonly Cell[] } {
    return { differing: this.#found, undecided: this.#undecided.map(({ cell }) => cell) };
  }

  release(): void {
    this.#old.release();
    this.#now.release();
  }

  /** The example of a like cell, asked anew; undefined where it does not hold here. */
  #again(known: Outcome | undefined, cell: Cell): Outcome | undefined {
    if (known === undefined) return undefined;
    for (const [what, assignment] of known.found) if (this.#confirm(cell, assignment) !== what) return undefined;
    return known;
  }

  *#compare(cell: Cell, policies: Apart, schema: Parameters<typeof spaceOf>[2]): Steps<Outcome> {
    if (this.#known.size >= WALKS_MAX) return { found: new Map(), because: `more than ${WALKS_MAX} different cases` };
    const space = spaceOf(cell, [...policies.gone, ...policies.come, ...policies.stay], schema);
    const { found, whole } = yield* walk(cell, space, FOUND_MAX, this.#budget, (environment, assignment, complete) =>
      this.#judge(cell, space, policies, environment, assignment, complete),
    );
    const { exact, because } = space.options;
    if (whole) return { found, because: exact ? undefined : because };
    const rest =
      found.size >= FOUND_MAX
        ? `there are more than ${FOUND_MAX} differences`
        : 'there are more combinations than were walked';
    return { found, because: rest };
  }

  #judge(
    cell: Cell,
    space: Space,
    { gone, come, stay }: Apart,
    environment: Environment,
    assignment: Assignment,
    complete: boolean,
  ): Judgement {
    const changed = [...gone, ...come].map((policy) => ({ policy, result: resultOf(policy, environment) }));
    if (changed.every(isInert)) return LEAVE;
    const common = stay.map((policy) => ({ policy, result: resultOf(policy, environment) }));
    const [old, now] = [
      [...changed.slice(0, gone.length), ...common],
      [...changed.slice(gone.length), ...common],
    ] as const;
    if (!mayPass(old) && !mayPass(now)) return LEAVE;
    const open = [...changed, ...common].filter(({ result }) => !isCertain(result));
    if (open.length > 0 && !complete) {
      return { kind: 'open', slots: open.flatMap(({ policy }) => space.keysOf(policy)) };
    }
    const what = this.#confirm(cell, assignment);
    return what === undefined ? LEAVE : { kind: 'found', what };
  }

  /** What the engine itself says of the request under both sets: how they differ, and by which policies. */
  #confirm(cell: Cell, assignment: Assignment): string | undefined {
    const request = requestOf(cell, assignment);
    const [before, after] = [this.#old.engine.decide(request), this.#now.engine.decide(request)];
    const kind = kindOf(before, after);
    return kind === undefined ? undefined : [kind, ...before.policies, '', ...after.policies].join(' ');
  }

  #note(cell: Cell, { found, because }: Outcome): void {
    for (const [what, assignment] of found) {
      const kind = what.slice(0, what.indexOf(' ')) as DifferenceKind;
      this.#found.push({ kind, cell, request: requestOf(cell, assignment), byJob: assignment.has('run.job') });
    }
    if (because !== undefined) this.#undecided.push({ cell, because });
  }
}

/** Cells in which the same policies meet, and cannot tell one from the other. */
function keyOf(cell: Cell, groups: readonly (readonly Ready[])[]): string {
  const met = groups.map((group) => group.map(({ loaded }) => loaded.ordinal));
  return `${JSON.stringify(met)} ${cellKey(cell, groups.flat())}`;
}

/** Differences by different policies that are told of one combination of who, what and on what. */
const FOUND_MAX = 16;
const LEAVE: Judgement = { kind: 'leave' };

type Outcome = { found: ReadonlyMap<string, Assignment>; because: string | undefined };
type Apart = { gone: readonly Ready[]; come: readonly Ready[]; stay: readonly Ready[] };
type Asked = { policy: Ready; result: Result };

const RANK = { deny: 0, hold: 1, permit: 2 } as const;

/** How the second decision differs from the first for whoever asks; undefined where it does not. */
export function kindOf(before: Decision, after: Decision): DifferenceKind | undefined {
  const step = RANK[after.effect] - RANK[before.effect];
  if (step !== 0) return step > 0 ? 'gain' : 'loss';
  return asks(before) === asks(after) ? undefined : 'change';
}

/** What a decision asks for, by what is asked and not by who asks. */
function asks({ obligations }: Decision): string {
  return [...new Set(obligations.map(({ name, value }) => `${name} ${value}`))].sort().join('\n');
}

/** It can neither permit nor deny here: a permit that errs permits nothing, one that meets what is hidden denies. */
function isInert({ policy: { loaded }, result }: Asked): boolean {
  if (result === false) return true;
  return loaded.role === 'permit' && result instanceof Failure && result.kind === 'error';
}

function isCertain(result: Result): boolean {
  return typeof result === 'boolean' || result instanceof Failure;
}

/** Whether some request among these may be more than denied. */
function mayPass(asked: readonly Asked[]): boolean {
  let permitted = false;
  for (const {
    policy: { loaded },
    result,
  } of asked) {
    const mask = maskOf(result);
    if (loaded.role === 'permit') {
      if (result instanceof Failure && result.kind === 'unmapped') return false;
      permitted ||= (mask & MAY_BE_TRUE) !== 0;
    } else if (loaded.role === 'forbid' && (mask & MAY_BE_FALSE) === 0) return false;
    else if (loaded.role === 'approve' && mask === MAY_FAIL) return false;
  }
  return permitted;
}

type Side = { policies: readonly Ready[]; engine: Engine; release(): void };

const NOBODY = (): void => {};
/** Nothing is sampled: nobody would hear of it. */
const NO_TIME = { now: () => 0, monotonic: () => 0, after: () => NOBODY };

function sideOf(text: PolicyText, catalogs: Registration['catalogs'], { each }: Registration): Side {
  const set = createPolicySet(text);
  const engine = createEngine(
    { clock: NO_TIME, onDisagreement: NOBODY, report: NOBODY, ...(each === undefined ? {} : { each }) },
    set,
  );
  engine.useCatalog(catalogs);
  const enforced = text.policies.filter(({ annotations }) => annotations['shadow'] === undefined);
  return { policies: ready(enforced), engine, release: () => set.release() };
}

/** Policies that say the same are the same, whatever they are called and wherever they stand. */
function apart(old: readonly Ready[], now: readonly Ready[]): { onlyOld: Ready[]; onlyNow: Ready[]; both: Ready[] } {
  const [before, after] = [old, now].map((side) => new Set(side.map(({ source }) => fingerprint(source)))) as [
    Set<string>,
    Set<string>,
  ];
  return {
    onlyOld: old.filter(({ source }) => !after.has(fingerprint(source))),
    onlyNow: now.filter(({ source }) => !before.has(fingerprint(source))),
    both: old.filter(({ source }) => after.has(fingerprint(source))),
  };
}
