import type { SchemaJson } from '@cedar-policy/cedar-wasm/nodejs';
import type { EntityFacts, EntityStore } from '../../../src/controls/policy/cedar/environment.ts';
import { type CedarJson, entityFromJson, valueFromJson } from '../../../src/controls/policy/cedar/json-values.ts';
import { Failure } from '../../../src/controls/policy/cedar/results.ts';
import { CedarRecord, type Entity, entityOfKey, type Value } from '../../../src/controls/policy/cedar/values.ts';

export type EntityJson = {
  uid: CedarJson;
  attrs?: Record<string, CedarJson>;
  parents?: CedarJson[];
  tags?: Record<string, CedarJson>;
};

type Own = { attributes: Map<string, Value>; tags: Map<string, Value>; parents: string[] };

/** An entity store out of Cedar's JSON, with the actions that a schema declares and the closure of `in`. */
export function entityStore(entities: readonly EntityJson[], schema: SchemaJson<string> | undefined): EntityStore {
  const known = new Map<string, Own>();
  for (const entity of entities) {
    known.set(entityFromJson(entity.uid).key, {
      attributes: values(entity.attrs ?? {}),
      tags: values(entity.tags ?? {}),
      parents: (entity.parents ?? []).map((parent) => entityFromJson(parent).key),
    });
  }
  for (const [key, parents] of schema === undefined ? [] : actionsOf(schema)) {
    if (!known.has(key)) known.set(key, { attributes: new Map(), tags: new Map(), parents });
  }
  const facts = new Map<string, EntityFacts>();
  for (const [key, { attributes, tags }] of known) {
    facts.set(key, { attributes, tags, ancestors: ancestorsOf(key, known) });
  }
  return {
    find: (entity: Entity) => facts.get(entity.key),
    list: () => [...facts].map(([key, own]) => [entityOfKey(key), own] as const),
  };
}

function values(json: Record<string, CedarJson>): Map<string, Value> {
  return new Map(Object.entries(json).map(([name, field]) => [name, value(field)]));
}

function value(json: CedarJson): Value {
  const read = valueFromJson(json);
  if (read instanceof Failure) throw new Error(read.message);
  return read;
}

export function contextOf(json: Record<string, CedarJson>): CedarRecord {
  return new CedarRecord(values(json));
}

function ancestorsOf(key: string, known: ReadonlyMap<string, Own>): Set<string> {
  const found = new Set<string>();
  const pending = [...(known.get(key)?.parents ?? [])];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    if (found.has(next)) continue;
    found.add(next);
    pending.push(...(known.get(next)?.parents ?? []));
  }
  return found;
}

function actionsOf(schema: SchemaJson<string>): [string, string[]][] {
  return Object.entries(schema).flatMap(([namespace, { actions }]) => {
    const own = namespace === '' ? 'Action' : `${namespace}::Action`;
    return Object.entries(actions).map(([id, action]): [string, string[]] => [
      `${own}\u0000${id}`,
      (action.memberOf ?? []).map((parent) => `${parent.type ?? own}\u0000${parent.id}`),
    ]);
  });
}
