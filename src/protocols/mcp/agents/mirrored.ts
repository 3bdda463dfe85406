import { isJsonObject, type JsonObject } from '../../../core/json.ts';

/** An argument that is repeated in a header: `x-mcp-header` in the schema of a tool (2026-07-28). */
export type Mirrored = { field: string; path: readonly string[] };

const DEPTH_MAX = 16;
const FIELD_NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}$/;
const TYPES: readonly unknown[] = ['string', 'integer', 'boolean'];

const known = new WeakMap<JsonObject, readonly Mirrored[]>();

/** Found along `properties` alone: an annotation anywhere else has no one value, and means nothing. */
export function mirroredArguments(schema: JsonObject): readonly Mirrored[] {
  let found = known.get(schema);
  if (found === undefined) {
    found = [...findMirrored(schema, [])];
    known.set(schema, found);
  }
  return found;
}

function* findMirrored(schema: JsonObject, path: readonly string[]): Generator<Mirrored> {
  const { properties } = schema;
  if (!isJsonObject(properties) || path.length >= DEPTH_MAX) return;
  for (const [key, property] of Object.entries(properties)) {
    if (!isJsonObject(property)) continue;
    const name = property['x-mcp-header'];
    const here = [...path, key];
    if (typeof name === 'string' && FIELD_NAME.test(name) && TYPES.includes(property['type'])) {
      yield { field: `mcp-param-${name.toLowerCase()}`, path: here };
    }
    yield* findMirrored(property, here);
  }
}
