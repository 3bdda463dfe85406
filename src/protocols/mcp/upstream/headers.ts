import { isJsonObject, type JsonObject, type JsonValue } from '../../../core/json.ts';

/** Headers that mirror the body (2026-07-28, Streamable HTTP, request metadata). */

const PLAIN = /^[\x21-\x7e](?:[\x20-\x7e\t]*[\x21-\x7e])?$/;
const SENTINEL = /^=\?base64\?.*\?=$/s;
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const HEADER = 'x-mcp-header';
const SCHEMA_DEPTH_MAX = 64;

/** As it is where it may stand in a header, else in the base64 form that the specification gives. */
export function headerValue(value: string): string {
  if (value === '') return '';
  if (PLAIN.test(value) && !SENTINEL.test(value)) return value;
  return `=?base64?${Buffer.from(value, 'utf8').toString('base64')}?=`;
}

/** An argument of a tool that is mirrored into `Mcp-Param-<name>`: the keys that lead to it. */
export type Mirrored = { header: string; path: readonly string[] };

/**
 * What a tool's `inputSchema` asks to be mirrored, or why the definition is not valid: such a tool must not be offered
 * over HTTP (2026-07-28, custom headers from tool parameters).
 */
export function mirroredOf(inputSchema: JsonObject): readonly Mirrored[] | string {
  const found: Mirrored[] = [];
  const problem = collect(inputSchema, [], found, new Set(), 0);
  return problem ?? found;
}

function collect(
  schema: JsonObject,
  path: readonly string[],
  found: Mirrored[],
  seen: Set<string>,
  depth: number,
): string | undefined {
  if (depth > SCHEMA_DEPTH_MAX) return 'its schema is nested too deeply';
  for (const [key, value] of Object.entries(schema)) {
    const problem =
      key === 'properties' && isJsonObject(value)
        ? collectProperties(value, path, found, seen, depth)
        : key === HEADER
          ? undefined
          : strayIn(value, depth + 1);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

function collectProperties(
  properties: JsonObject,
  path: readonly string[],
  found: Mirrored[],
  seen: Set<string>,
  depth: number,
): string | undefined {
  for (const [name, property] of Object.entries(properties)) {
    if (!isJsonObject(property)) continue;
    const here = [...path, name];
    const header = property[HEADER];
    if (header !== undefined) {
      const problem = problemOf(header, property['type'], seen);
      if (problem !== undefined) return problem;
      found.push({ header: `mcp-param-${String(header).toLowerCase()}`, path: here });
    }
    const problem = collect(property, here, found, seen, depth + 1);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

function problemOf(header: JsonValue, type: JsonValue | undefined, seen: Set<string>): string | undefined {
  if (typeof header !== 'string' || !TOKEN.test(header)) return 'an x-mcp-header that is not a field name';
  const name = header.toLowerCase();
  if (seen.has(name)) return 'two x-mcp-header of one name';
  seen.add(name);
  const primitive = type === 'string' || type === 'integer' || type === 'boolean';
  return primitive ? undefined : 'an x-mcp-header on what is not a string, an integer or a boolean';
}

/** Anywhere but on a chain of `properties` the annotation makes the definition invalid. */
function strayIn(value: JsonValue, depth: number): string | undefined {
  if (depth > SCHEMA_DEPTH_MAX) return 'its schema is nested too deeply';
  if (Array.isArray(value)) return firstProblem(value, depth);
  if (!isJsonObject(value)) return undefined;
  if (typeof value[HEADER] === 'string') return 'an x-mcp-header that is not reached by properties alone';
  return firstProblem(Object.values(value), depth);
}

function firstProblem(values: readonly JsonValue[], depth: number): string | undefined {
  for (const value of values) {
    const problem = strayIn(value, depth + 1);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

/** Names and values, flat; absent and null arguments have none. */
export function mirroredHeaders(mirrored: readonly Mirrored[], args: JsonValue | undefined): string[] {
  const headers: string[] = [];
  for (const { header, path } of mirrored) {
    let value: JsonValue | undefined = args;
    for (const key of path) value = isJsonObject(value) && Object.hasOwn(value, key) ? value[key] : undefined;
    if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') {
      headers.push(header, headerValue(String(value)));
    }
  }
  return headers;
}

/** `Mcp-Name`: what `tools/call`, `prompts/get` and `resources/read` are about. */
export function nameOf(method: string, params: JsonObject): string | undefined {
  if (method === 'tools/call' || method === 'prompts/get') return stringOf(params['name']);
  return method === 'resources/read' ? stringOf(params['uri']) : undefined;
}

function stringOf(value: JsonValue | undefined): string | undefined {
  return typeof value === 'string' ? value : undefined;
}
