import type { EntityStore, Environment } from './environment.ts';
import type { CompiledPolicy } from './policy.ts';
import type { Constraint } from './scope.ts';
import type { Entity } from './values.ts';

/**
 * Finds the policies whose head can match a request without looking at the others. Three levels, action, resource and
 * principal; in each a policy stands under the keys that its constraint names. Finding too many costs time, finding too
 * few would be a hole, so the evaluator matches the head again and the tests compare with a plain scan.
 */
type Level<T> = {
  any: T | undefined;
  equals: Map<string, T>;
  within: Map<string, T>;
  is: Map<string, T>;
};

type Leaf = CompiledPolicy[];
type ByPrincipal = Level<Leaf>;
type ByResource = Level<ByPrincipal>;
type ByAction = Level<ByResource>;

function level<T>(): Level<T> {
  return { any: undefined, equals: new Map(), within: new Map(), is: new Map() };
}

/** The places of one level where a policy with this constraint stands; made where missing. */
function places<T>(at: Level<T>, constraint: Constraint, make: () => T): T[] {
  switch (constraint.kind) {
    case 'any':
      at.any ??= make();
      return [at.any];
    case 'equals':
      return [place(at.equals, constraint.entity.key, make)];
    case 'within':
      return [...new Set(constraint.entities.map((entity) => entity.key))].map((key) => place(at.within, key, make));
    case 'is':
      return [place(at.is, constraint.type, make)];
  }
}

function place<T>(map: Map<string, T>, key: string, make: () => T): T {
  const found = map.get(key) ?? make();
  map.set(key, found);
  return found;
}

/** The places of one level where policies that can match `entity` stand. */
function lookUp<T>(at: Level<T>, entity: Entity, entities: EntityStore, visit: (found: T) => void): void {
  if (at.any !== undefined) visit(at.any);
  const equal = at.equals.get(entity.key);
  if (equal !== undefined) visit(equal);
  const typed = at.is.get(entity.type);
  if (typed !== undefined) visit(typed);
  if (at.within.size === 0) return;
  const itself = at.within.get(entity.key);
  if (itself !== undefined) visit(itself);
  for (const ancestor of entities.find(entity)?.ancestors ?? []) {
    const inside = ancestor === entity.key ? undefined : at.within.get(ancestor);
    if (inside !== undefined) visit(inside);
  }
}

export interface PolicyIndex {
  /** In the order of the set, each once. A superset of those in scope. */
  candidates(environment: Environment): readonly CompiledPolicy[];
}

export function indexPolicies(policies: readonly CompiledPolicy[]): PolicyIndex {
  const root: ByAction = level();
  for (const policy of policies) {
    for (const byResource of places(root, policy.scope.action, () => level<ByPrincipal>())) {
      for (const byPrincipal of places(byResource, policy.scope.resource, () => level<Leaf>())) {
        for (const leaf of places(byPrincipal, policy.scope.principal, (): Leaf => [])) leaf.push(policy);
      }
    }
  }
  return { candidates: (environment) => collect(root, environment) };
}

function collect(root: ByAction, environment: Environment): readonly CompiledPolicy[] {
  const { principal, action, resource, entities } = environment;
  const leaves: Leaf[] = [];
  lookUp(root, action, entities, (byResource) =>
    lookUp(byResource, resource, entities, (byPrincipal) =>
      lookUp(byPrincipal, principal, entities, (leaf) => leaves.push(leaf)),
    ),
  );
  return leaves.length <= 1 ? (leaves[0] ?? []) : merge(leaves);
}

/** Each leaf is in order by itself. A policy with several actions in its head may be in two. */
function merge(leaves: readonly Leaf[]): CompiledPolicy[] {
  const all: CompiledPolicy[] = [];
  for (const leaf of leaves) for (const policy of leaf) all.push(policy);
  all.sort((a, b) => a.ordinal - b.ordinal);
  let kept = 0;
  for (const policy of all) {
    if (kept > 0 && all[kept - 1] === policy) continue;
    all[kept] = policy;
    kept += 1;
  }
  all.length = kept;
  return all;
}
