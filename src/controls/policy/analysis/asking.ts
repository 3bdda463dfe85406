import type { JsonObject } from '../../../core/json.ts';
import type { Environment } from '../cedar/environment.ts';
import { evaluateConditions } from '../cedar/policy.ts';
import { MAY_BE_FALSE, MAY_BE_TRUE, maskOf, type Result } from '../cedar/results.ts';
import type { Cell } from './cell.ts';
import { cellKey, type Ready, type Space, spaceOf } from './scoped.ts';
import type { Steps } from './slices.ts';
import { type Budget, type Judgement, walk } from './walk.ts';

/** Whether some request exists, asked of every cell that may bring one. */
export type Answer = 'yes' | 'no' | 'unknown';
export type Place = { cell: Cell; schema: JsonObject | undefined };

/** One thing that the request is to be: a policy's conditions, or some of them, true; or not true, or plainly false. */
export type Wish = { policy: Ready; conjuncts?: readonly number[]; be: 'true' | 'not true' | 'false' };

const CELLS_MAX = 200;

/** @param listedOnly whether values that a schema does not list count as never sent. */
export function* exists(
  places: readonly Place[],
  wishes: readonly Wish[],
  budget: Budget,
  listedOnly = false,
): Steps<Answer> {
  const policies = wishes.map(({ policy }) => policy);
  if (policies.some(({ loaded }) => loaded.conjuncts === undefined)) return 'unknown';
  const seen = new Set<string>();
  let answer: Answer = 'no';
  for (const { cell, schema } of places) {
    const key = cellKey(cell, policies);
    if (seen.has(key)) continue;
    seen.add(key);
    if (seen.size > CELLS_MAX) return 'unknown';
    const space = spaceOf(cell, policies, schema, listedOnly);
    const { found, whole } = yield* walk(cell, space, 1, budget, (environment, _assignment, complete) =>
      judge(wishes, space, environment, complete),
    );
    if (found.size > 0) return 'yes';
    if (!whole || !space.options.exact) answer = 'unknown';
  }
  return answer;
}

function judge(wishes: readonly Wish[], space: Space, environment: Environment, complete: boolean): Judgement {
  const open: string[] = [];
  for (const wish of wishes) {
    const mask = maskOf(resultOf(wish, environment));
    const fits =
      wish.be === 'true' ? mask & MAY_BE_TRUE : wish.be === 'false' ? mask & MAY_BE_FALSE : mask & ~MAY_BE_TRUE;
    if (fits === 0) return { kind: 'leave' };
    if (fits !== mask) open.push(...space.keysOf(wish.policy));
  }
  if (open.length === 0) return { kind: 'found', what: 'it' };
  return complete ? { kind: 'leave' } : { kind: 'open', slots: open };
}

function resultOf({ policy, conjuncts }: Wish, environment: Environment): Result {
  const all = policy.loaded.conjuncts ?? [];
  const some = conjuncts === undefined ? all : all.filter((_, at) => conjuncts.includes(at));
  return evaluateConditions(some, environment);
}
