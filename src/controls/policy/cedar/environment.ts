import type { Failure, Result } from './results.ts';
import type { Entity, Value } from './values.ts';

/** What is known of one entity. `ancestors` holds the keys of all that it is in, transitively, without itself. */
export type EntityFacts = {
  /** A `Failure` is there, but not for policy to see. */
  attributes: ReadonlyMap<string, Value | Failure>;
  tags: ReadonlyMap<string, Value>;
  ancestors: ReadonlySet<string>;
};

export interface EntityStore {
  /** undefined where the entity does not exist: Cedar then knows its name and nothing else. */
  find(entity: Entity): EntityFacts | undefined;
  /** All that exist, for cedar-wasm. */
  list(): Iterable<readonly [Entity, EntityFacts]>;
}

/** Everything that a policy can see of one request. */
export type Environment = {
  principal: Entity;
  action: Entity;
  resource: Entity;
  context: Result;
  entities: EntityStore;
};

export type Closure = (environment: Environment) => Result;
