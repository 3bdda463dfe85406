import { z } from 'zod';
import type { EntityFacts } from '../cedar/environment.ts';
import { type CedarJson, entityFromJson, valueFromJson } from '../cedar/json-values.ts';
import { Failure } from '../cedar/results.ts';
import { Entity, type Value } from '../cedar/values.ts';

const ENTITIES_MAX = 100_000;

const uid = z.object({ type: z.string(), id: z.string() });
const reference = z.union([uid, z.object({ __entity: uid })]);
const entityList = z
  .array(
    z.strictObject({
      uid: reference,
      attrs: z.record(z.string(), z.custom<CedarJson>()).default({}),
      parents: z.array(reference).default([]),
      tags: z.record(z.string(), z.custom<CedarJson>()).default({}),
    }),
  )
  .max(ENTITIES_MAX);

type EntityJson = z.infer<typeof entityList>[number];

/** What is known of subjects, resources and actions, and who is in what. Searches look through these and no others. */
export interface Entities {
  find(entity: Entity): EntityFacts | undefined;
  ofType(type: string): readonly Entity[];
}

/** @param json Cedar's entities file: `[{"uid": {"type", "id"}, "attrs", "parents"}]`. @throws Error, with what is wrong. */
export function readEntities(json: unknown): Entities {
  const read = entityList.safeParse(json);
  if (!read.success) {
    const [issue] = read.error.issues;
    throw new Error(`${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'not a list of entities'}`);
  }
  const parents = new Map(read.data.map((entity) => [keyOf(entity.uid), entity.parents.map(keyOf)]));
  if (parents.size < read.data.length) throw new Error('an entity is there twice');
  const facts = new Map<string, EntityFacts>();
  const types = new Map<string, Entity[]>();
  for (const entity of read.data) {
    const named = entityFromJson(entity.uid);
    facts.set(named.key, factsOf(entity, ancestorsOf(named.key, parents)));
    const siblings = types.get(named.type);
    if (siblings) siblings.push(named);
    else types.set(named.type, [named]);
  }
  return { find: (entity) => facts.get(entity.key), ofType: (type) => types.get(type) ?? [] };
}

function keyOf(json: z.infer<typeof reference>): string {
  return entityFromJson(json).key;
}

function factsOf({ attrs, tags }: EntityJson, ancestors: ReadonlySet<string>): EntityFacts {
  return { attributes: valuesOf(attrs), tags: valuesOf(tags), ancestors };
}

function valuesOf(json: Readonly<Record<string, CedarJson>>): Map<string, Value> {
  return new Map(
    Object.entries(json).map(([name, field]) => {
      const value = valueFromJson(field);
      if (value instanceof Failure) throw new Error(`${name}: ${value.message}`);
      return [name, value];
    }),
  );
}

function ancestorsOf(key: string, parents: ReadonlyMap<string, readonly string[]>): Set<string> {
  const found = new Set<string>();
  const pending = [...(parents.get(key) ?? [])];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    if (found.has(next)) continue;
    found.add(next);
    pending.push(...(parents.get(next) ?? []));
  }
  if (found.has(key)) throw new Error(`${key.replace('\u0000', '::')} is in itself`);
  return found;
}

export const NOTHING_KNOWN: Entities = { find: () => undefined, ofType: () => [] };
export const actionEntity = (name: string): Entity => new Entity('Action', name);
