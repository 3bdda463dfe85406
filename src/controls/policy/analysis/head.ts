import { actionsOf } from '../annotations.ts';
import type { CedarJson } from '../cedar/json-values.ts';
import { type Constraint, readConstraint } from '../cedar/scope.ts';
import type { Entity } from '../cedar/values.ts';
import type { PolicySource } from '../places.ts';
import { ACTIONS, SERVED_TYPES } from '../vocabulary.ts';

/** The three constraints of a policy's head, compared by what they say and not by what happens to be registered. */
export type Head = { principal: Constraint; resource: Constraint; actions: readonly string[]; anyAction: boolean };

export function headOf(policy: PolicySource): Head {
  return {
    principal: readConstraint(policy.json.principal as CedarJson),
    resource: readConstraint(policy.json.resource as CedarJson),
    actions: actionsOf(policy),
    anyAction: readConstraint(policy.json.action as CedarJson).kind === 'any',
  };
}

/** Whether whatever `inner` matches, `outer` matches as well, now and after more was registered. */
export function headCovers(outer: Head, inner: Head): boolean {
  return (
    covers(outer.principal, inner.principal) &&
    covers(outer.resource, inner.resource, inner.actions) &&
    (outer.anyAction || inner.actions.every((action) => outer.actions.includes(action)))
  );
}

function covers(outer: Constraint, inner: Constraint, actions: readonly string[] = []): boolean {
  if (outer.kind === 'any') return true;
  switch (inner.kind) {
    case 'any':
      return outer.kind === 'is' && outer.within === undefined && onlyType(actions) === outer.type;
    case 'equals':
      return coversEntity(outer, inner.entity);
    case 'within':
      return inner.entities.every((entity) => coversAllIn(outer, entity, undefined));
    case 'is':
      if (inner.within !== undefined) return coversAllIn(outer, inner.within, inner.type);
      return outer.kind === 'is' && outer.type === inner.type && outer.within === undefined;
  }
}

/** The one type of resource that these actions have. */
function onlyType(actions: readonly string[]): string | undefined {
  const types = new Set(actions.flatMap((action) => ACTIONS[action]?.resources ?? []));
  return types.size === 1 ? [...types][0] : undefined;
}

function coversEntity(outer: Constraint, entity: Entity): boolean {
  switch (outer.kind) {
    case 'any':
      return true;
    case 'equals':
      return outer.entity.key === entity.key;
    case 'within':
      return outer.entities.some((ancestor) => isWithin(entity, ancestor));
    case 'is':
      return outer.type === entity.type && (outer.within === undefined || isWithin(entity, outer.within));
  }
}

/** All that is in `ancestor`, of one type or of any. */
function coversAllIn(outer: Constraint, ancestor: Entity, type: string | undefined): boolean {
  switch (outer.kind) {
    case 'any':
      return true;
    case 'equals':
      return outer.entity.key === ancestor.key && ancestor.type !== 'Server';
    case 'within':
      return outer.entities.some((entity) => isWithin(ancestor, entity));
    case 'is':
      return outer.type === type && (outer.within === undefined || isWithin(ancestor, outer.within));
  }
}

function isWithin(entity: Entity, ancestor: Entity): boolean {
  if (entity.key === ancestor.key) return true;
  const served = SERVED_TYPES.includes(entity.type) && ancestor.type === 'Server';
  return served && (entity.id === ancestor.id || entity.id.startsWith(`${ancestor.id}/`));
}
