import type { Environment } from './environment.ts';
import { asObject, type CedarJson, entityFromJson, isArray } from './json-values.ts';
import { Uncompilable } from './literals.ts';
import { isWithin } from './operators.ts';
import type { Entity } from './values.ts';

/** One of the three constraints in a policy's head, in the form that the index and the evaluator both read. */
export type Constraint =
  | { kind: 'any' }
  | { kind: 'equals'; entity: Entity }
  | { kind: 'within'; entities: readonly Entity[] }
  | { kind: 'is'; type: string; within: Entity | undefined };

export type Scope = { principal: Constraint; action: Constraint; resource: Constraint };

/** @throws Uncompilable for templates (their slots have no entity). */
export function readConstraint(json: CedarJson | undefined): Constraint {
  const constraint = asObject(json);
  switch (constraint['op']) {
    case 'All':
      return { kind: 'any' };
    case '==':
      return { kind: 'equals', entity: entityFromJson(constraint['entity'] ?? {}) };
    case 'in':
      return { kind: 'within', entities: withinEntities(constraint) };
    case 'is': {
      const type = constraint['entity_type'];
      if (typeof type !== 'string') throw new Uncompilable('a type was expected');
      const inside = constraint['in'];
      const within = inside === undefined ? undefined : entityFromJson(asObject(inside)['entity'] ?? {});
      return { kind: 'is', type, within };
    }
    default:
      throw new Uncompilable('an unknown constraint');
  }
}

function withinEntities(constraint: { readonly [key: string]: CedarJson }): Entity[] {
  const many = constraint['entities'];
  return isArray(many) ? many.map(entityFromJson) : [entityFromJson(constraint['entity'] ?? {})];
}

export function scopeMatches(scope: Scope, environment: Environment): boolean {
  return (
    matches(scope.resource, environment.resource, environment) &&
    matches(scope.principal, environment.principal, environment) &&
    matches(scope.action, environment.action, environment)
  );
}

function matches(constraint: Constraint, entity: Entity, environment: Environment): boolean {
  switch (constraint.kind) {
    case 'any':
      return true;
    case 'equals':
      return constraint.entity.key === entity.key;
    case 'within':
      return constraint.entities.some((ancestor) => isWithin(entity, ancestor, environment.entities));
    case 'is':
      if (constraint.type !== entity.type) return false;
      return constraint.within === undefined || isWithin(entity, constraint.within, environment.entities);
  }
}
