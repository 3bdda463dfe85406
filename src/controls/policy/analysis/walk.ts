import type { Environment } from '../cedar/environment.ts';
import { type Assignment, type Cell, environmentFor, type Option } from './cell.ts';
import type { Space } from './scoped.ts';
import type { Steps } from './slices.ts';

/**
 * What is to be done about a set of requests, of which some slots are known: leave it, since all of them are alike; take it
 * as an example of `found`; or look closer, at the first of these slots that is still open.
 */
export type Judgement =
  | { kind: 'leave' }
  | { kind: 'found'; what: string }
  | { kind: 'open'; slots: readonly string[] };

export type Judge = (environment: Environment, assignment: Assignment, complete: boolean) => Judgement;

export type Walk = {
  /** One request for each thing that was found. */
  found: ReadonlyMap<string, Assignment>;
  /** Whether nothing was left out. */
  whole: boolean;
};

const NODES_MAX = 20_000;
const NODES_A_STEP = 32;

/** What all walks of one analysis may cost together, whatever the policies are. */
export class Budget {
  #nodes = 400_000;

  /** @returns false where nothing is left. */
  take(): boolean {
    this.#nodes -= 1;
    return this.#nodes >= 0;
  }
}

/**
 * Walks the requests of a cell, slot by slot, and turns back as soon as what is still open makes no difference. Ends early
 * when `found_max` different things have been found.
 */
export function* walk(cell: Cell, space: Space, found_max: number, budget: Budget, judge: Judge): Steps<Walk> {
  const found = new Map<string, Assignment>();
  const { slots } = space.slots;
  const stack: Map<string, Option>[] = [new Map()];
  let nodes = 0;
  while (stack.length > 0) {
    if (nodes >= NODES_MAX || !budget.take()) return { found, whole: false };
    nodes += 1;
    if (nodes % NODES_A_STEP === 0) yield;
    const assignment = stack.pop() as Map<string, Option>;
    closeAbsent(space, assignment);
    const complete = slots.every(({ key }) => assignment.has(key));
    const judgement = judge(environmentFor(cell, slots, assignment), assignment, complete);
    if (judgement.kind === 'found') {
      if (!found.has(judgement.what)) found.set(judgement.what, assignment);
      if (found.size >= found_max) return { found, whole: false };
    }
    if (judgement.kind !== 'open' || complete) continue;
    const next = firstOpen(space, judgement.slots, assignment);
    const options = space.options.bySlot.get(next) ?? [];
    for (const option of [...options].reverse()) stack.push(new Map([...assignment, [next, option]]));
  }
  return { found, whole: true };
}

/** What lies in a record that is not there is not there either. */
function closeAbsent({ slots: { slots } }: Space, assignment: Map<string, Option>): void {
  for (const { key, parent } of slots) {
    if (assignment.has(key) || parent === undefined) continue;
    const above = assignment.get(parent);
    if (above !== undefined && above.kind !== 'value') assignment.set(key, { kind: 'absent' });
  }
}

/** A record before what lies in it. */
function firstOpen(space: Space, wanted: readonly string[], assignment: Assignment): string {
  const { slots } = space.slots;
  const open = [...wanted, ...slots.map(({ key }) => key)].find((key) => !assignment.has(key)) as string;
  const parent = slots.find(({ key }) => key === open)?.parent;
  return parent === undefined || assignment.has(parent) ? open : firstOpen(space, [parent], assignment);
}
