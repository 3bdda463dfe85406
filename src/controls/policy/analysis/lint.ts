import { readPolicies } from '../source.ts';
import type { PolicyFile } from '../types.ts';
import { type Answer, exists, type Place } from './asking.ts';
import { headCovers, headOf } from './head.ts';
import { tooBroad } from './lint-broad.ts';
import { unknownNames, unmentioned } from './lint-names.ts';
import { whyNever } from './lint-never.ts';
import type { Registration } from './registration.ts';
import { inScope, type Ready, ready } from './scoped.ts';
import type { Steps } from './slices.ts';
import { placeAt } from './spans.ts';
import type { Finding, LintReport, Undecided } from './types.ts';
import { Budget } from './walk.ts';
import { cellsOf, type World, worldOf } from './world.ts';

/** What is dead, contradictory or too broad. Says nothing of a policy that does what it seems to do. */
export function* lintPolicies(files: readonly PolicyFile[], registration: Registration): Steps<LintReport> {
  const text = readPolicies(files, registration.fulfillable);
  yield;
  const linting = new Linting(files, ready(text.policies), worldOf(text.policies, registration), registration);
  yield* linting.run();
  const problems = text.problems.filter(
    ({ severity, message }) => severity === 'error' && !message.endsWith('no @reason'),
  );
  return {
    policies: text.policies.length,
    findings: linting.findings.sort(byPlace),
    undecided: linting.undecided,
    problems,
  };
}

function byPlace(a: Finding, b: Finding): number {
  if (a.file !== b.file) return a.file < b.file ? -1 : 1;
  return a.line - b.line || a.column - b.column;
}

const CELLS_MAX = 50_000;

export type Found = Pick<Finding, 'kind' | 'severity' | 'message' | 'help'> & { offset?: number };

class Linting {
  readonly findings: Finding[] = [];
  readonly undecided: Undecided[] = [];
  readonly #files: readonly PolicyFile[];
  readonly #policies: readonly Ready[];
  readonly #world: World;
  readonly #registration: Registration;
  /** By policy, every cell that its head matches. */
  readonly #places = new Map<Ready, Place[]>();
  readonly #budget = new Budget();

  constructor(files: readonly PolicyFile[], policies: readonly Ready[], world: World, registration: Registration) {
    this.#files = files;
    this.#policies = policies;
    this.#world = world;
    this.#registration = registration;
    for (const policy of policies) this.#places.set(policy, []);
  }

  *run(): Steps<void> {
    yield* this.#match();
    const alive: Ready[] = [];
    for (const policy of this.#policies) {
      yield;
      this.#say(policy, ...withoutReason(policy), ...tooBroad(policy));
      if (yield* this.#isAlive(policy)) alive.push(policy);
    }
    const permits = alive.filter(({ loaded }) => loaded.role === 'permit');
    for (const permit of permits) yield* this.#compare(permit, permits, alive);
    for (const forbid of alive) this.#sayTwice(forbid);
    this.findings.push(...unmentioned(this.#policies, this.#registration));
  }

  *#match(): Steps<void> {
    let cells = 0;
    for (const place of cellsOf(this.#world)) {
      yield;
      cells += 1;
      if (cells > CELLS_MAX) {
        this.undecided.push({
          about: 'the rest of what is registered',
          because: `more than ${CELLS_MAX} combinations`,
        });
        return;
      }
      for (const policy of inScope(this.#policies, place.cell)) this.#places.get(policy)?.push(place);
    }
  }

  #placesOf(policy: Ready): readonly Place[] {
    return this.#places.get(policy) ?? [];
  }

  /** Of any job and purpose: what is granted today may be granted otherwise tomorrow. */
  #freePlaces(policy: Ready): readonly Place[] {
    return this.#placesOf(policy).map(({ cell, schema }) => ({ cell: { ...cell, free: true }, schema }));
  }

  #say(policy: Ready, ...found: readonly Found[]): void {
    for (const { offset, ...finding } of found) {
      this.findings.push({ ...finding, policy: policy.source.id, ...placeAt(policy.source, this.#files, offset ?? 0) });
    }
  }

  #doubt(policy: Ready, what: string): void {
    this.undecided.push({ about: `the policy ${policy.source.id}`, because: what });
  }

  /** Whether it can match anything; says why not where it cannot. */
  *#isAlive(policy: Ready): Steps<boolean> {
    const unknown = unknownNames(policy, this.#world, this.#registration, this.#placesOf(policy).length > 0);
    this.#say(policy, ...unknown);
    if (this.#placesOf(policy).length === 0) return false;
    const answer = yield* exists(this.#placesOf(policy), [{ policy, be: 'true' }], this.#budget, true);
    if (answer === 'yes') return true;
    if (answer === 'unknown') {
      this.#doubt(policy, 'whether its conditions can hold was not settled within the bound');
      return true;
    }
    if (unknown.length === 0)
      this.#say(policy, yield* whyNever(policy, this.#placesOf(policy), this.#freePlaces(policy), this.#budget));
    return false;
  }

  *#compare(permit: Ready, permits: readonly Ready[], all: readonly Ready[]): Steps<void> {
    const head = headOf(permit.source);
    const within = (policy: Ready): boolean => policy !== permit && headCovers(headOf(policy.source), head);
    const forbids = all.filter((policy) => policy.loaded.role === 'forbid' && within(policy));
    for (const forbid of forbids) {
      if ((yield* this.#pass(permit, forbid)) !== 'no') continue;
      this.#say(permit, killed(permit, forbid));
      return;
    }
    for (const other of permits.filter(within)) {
      if ((yield* this.#beyond(permit, other)) !== 'no') continue;
      const isEarlier = permit.loaded.ordinal < other.loaded.ordinal;
      const alike = headCovers(head, headOf(other.source)) && (yield* this.#beyond(other, permit)) === 'no';
      // Of two that say the same, the later one is too many.
      if (alike && isEarlier) continue;
      this.#say(permit, shadowed(permit, other, alike));
      return;
    }
  }

  /** Whether the forbid leaves anything of the permit. One that fails denies as well. */
  *#pass(permit: Ready, forbid: Ready): Steps<Answer> {
    return yield* exists(
      this.#freePlaces(permit),
      [
        { policy: permit, be: 'true' },
        { policy: forbid, be: 'false' },
      ],
      this.#budget,
    );
  }

  *#beyond(permit: Ready, other: Ready): Steps<Answer> {
    return yield* exists(
      this.#freePlaces(permit),
      [
        { policy: permit, be: 'true' },
        { policy: other, be: 'not true' },
      ],
      this.#budget,
    );
  }

  /** Prohibitions overlap on purpose; only one that is there word for word is a slip. */
  #sayTwice(forbid: Ready): void {
    if (forbid.loaded.effect !== 'forbid' || forbid.loaded.role === 'shadow') return;
    const said = sayingOf(forbid);
    const earlier = this.#policies.find(
      (policy) => sayingOf(policy) === said && policy.loaded.role === forbid.loaded.role,
    );
    if (earlier !== undefined && earlier !== forbid) this.#say(forbid, shadowed(forbid, earlier, true));
  }
}

function sayingOf({ source }: Ready): string {
  const { effect, principal, action, resource, conditions } = source.json;
  return JSON.stringify([effect, principal, action, resource, conditions, source.annotations['approve']]);
}

function withoutReason({ source }: Ready): Found[] {
  const reason = source.annotations['reason'];
  if (reason !== undefined && reason.trim() !== '') return [];
  const message = `Nobody can tell why the ${source.effect} ${source.id} is there: it has no @reason.`;
  return [
    { kind: 'reason-missing', severity: 'warning', message, help: 'Write above it: @reason("…"), one sentence.' },
  ];
}

function killed({ source }: Ready, forbid: Ready): Found {
  const where = `${forbid.source.file}:${forbid.source.line}`;
  return {
    kind: 'killed',
    severity: 'warning',
    message: `Whatever ${source.id} permits, ${forbid.source.id} (${where}) forbids: it never permits anything.`,
    help: `Narrow ${forbid.source.id} with a condition, or delete ${source.id}.`,
  };
}

function shadowed({ source }: Ready, other: Ready, alike: boolean): Found {
  const where = `${other.source.file}:${other.source.line}`;
  const does = source.effect === 'permit' ? 'permits' : 'forbids';
  const message = alike
    ? `${source.id} says the same as ${other.source.id} (${where}).`
    : `Whatever ${source.id} ${does}, ${other.source.id} (${where}) ${does} already.`;
  const help = alike
    ? `Delete one of the two.`
    : `Delete ${source.id}, or narrow ${other.source.id} if it was meant to say less.`;
  return { kind: 'shadowed', severity: 'warning', message, help };
}
