import type { JsonObject, JsonValue } from './json.ts';

/** Accesses of one call: beyond that neither the decision nor its receipt is a small thing any more. */
export const ACCESSES_MAX = 100;

/**
 * One set of arguments for each element of each list that is decided element by element; an empty list is an argument that
 * is not there. Undefined where that would be more than `most` sets.
 */
export function eachElement(args: JsonObject, names: readonly string[], most: number): JsonObject[] | undefined {
  let all = [args];
  for (const name of names) {
    const list = Object.hasOwn(args, name) ? args[name] : undefined;
    if (!Array.isArray(list)) continue;
    if (all.length * list.length > most) return undefined;
    all = all.flatMap((one) => elementsOf(one, name, list));
  }
  return all;
}

function elementsOf(args: JsonObject, name: string, list: readonly JsonValue[]): JsonObject[] {
  const { [name]: _list, ...rest } = args;
  return list.length === 0 ? [rest] : list.map((element) => ({ ...rest, [name]: element }));
}
