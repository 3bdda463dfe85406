import { isJsonObject, type JsonObject, type JsonValue } from '../../core/json.ts';

/**
 * What policy can see of an argument, out of the JSON Schema that an upstream registered. The schema is a stranger's text:
 * whatever is not plainly one type is `opaque`, and an opaque argument reaches no policy.
 */
export type ArgumentType =
  | { kind: 'string' | 'long' | 'decimal' | 'boolean' }
  | { kind: 'set'; element: ArgumentType }
  | { kind: 'record'; fields: ReadonlyMap<string, ArgumentField>; open: boolean }
  | { kind: 'opaque'; why: string };

export type ArgumentField = { type: ArgumentType; required: boolean; nullable: boolean };
export type ArgumentRecord = Extract<ArgumentType, { kind: 'record' }>;

/** Keys that would forge entities and extension values on their way into cedar-wasm. */
export const FORBIDDEN_KEYS: ReadonlySet<string> = new Set(['__entity', '__extn', '__expr']);

const DEPTH_MAX = 16;
/** References let a schema of a few lines unfold without end: ten to the depth. */
const NODES_MAX = 1_000;
const SCALARS: Readonly<Record<string, ArgumentType>> = {
  string: { kind: 'string' },
  integer: { kind: 'long' },
  number: { kind: 'decimal' },
  boolean: { kind: 'boolean' },
};
/** Keywords by which properties may be declared elsewhere than in `properties`. */
const DECLARES_ELSEWHERE = [
  'patternProperties',
  'allOf',
  'anyOf',
  'oneOf',
  'if',
  '$ref',
  '$dynamicRef',
  'dependentSchemas',
  'unevaluatedProperties',
];

/** @param each arguments that are lists and reach policy one element at a time. */
export function argumentsOf(inputSchema: JsonObject, each: readonly string[] = []): ArgumentRecord {
  const reading: Reading = { root: inputSchema, open: [], budget: { nodes: NODES_MAX } };
  const { type } = readSchema(inputSchema, reading, 0);
  // Not an object, or nothing that can be told: whatever arrives is hidden from policy.
  if (type.kind !== 'record') return { kind: 'record', fields: new Map(), open: true };
  const elements = each.flatMap((name) => elementField(inputSchema, name, type.fields.get(name), reading));
  return elements.length === 0 ? type : { ...type, fields: new Map([...type.fields, ...elements]) };
}

/** The type of one element of a declared list. An empty list brings none, so it is never required. */
function elementField(
  schema: JsonObject,
  name: string,
  field: ArgumentField | undefined,
  reading: Reading,
): [string, ArgumentField][] {
  const properties = schema['properties'];
  const list = isJsonObject(properties) && Object.hasOwn(properties, name) ? properties[name] : undefined;
  if (field === undefined || !isJsonObject(list) || list['type'] !== 'array') return [];
  const { type, nullable } = readSchema(list['items'], reading, 1);
  return [[name, { type, nullable, required: false }]];
}

/** Prompt arguments are strings (MCP, `PromptArgument`). */
export function promptArgumentsOf(declared: JsonValue | undefined): ArgumentRecord {
  const fields = new Map<string, ArgumentField>();
  for (const argument of Array.isArray(declared) ? declared : []) {
    if (!isJsonObject(argument) || typeof argument['name'] !== 'string') continue;
    if (FORBIDDEN_KEYS.has(argument['name'])) continue;
    fields.set(argument['name'], {
      type: { kind: 'string' },
      required: argument['required'] === true,
      nullable: false,
    });
  }
  return { kind: 'record', fields, open: false };
}

type Reading = { root: JsonObject; open: readonly string[]; budget: { nodes: number } };
type Read = { type: ArgumentType; nullable: boolean };

const opaque = (why: string): Read => ({ type: { kind: 'opaque', why }, nullable: false });

function readSchema(schema: JsonValue | undefined, reading: Reading, depth: number): Read {
  if (!isJsonObject(schema)) return opaque('of any type');
  if (depth > DEPTH_MAX) return opaque('nested too deeply');
  reading.budget.nodes -= 1;
  if (reading.budget.nodes < 0) return opaque('declared by a schema that unfolds too far');
  if (typeof schema['$ref'] === 'string') return readReference(schema['$ref'], reading, depth);
  const union = schema['anyOf'] ?? schema['oneOf'];
  if (schema['type'] === undefined && Array.isArray(union)) return readUnion(union, reading, depth);
  const { name, nullable } = typeOf(schema);
  if (name === undefined) return opaque('of more than one type, or of a type that is not declared');
  const type = readTyped(name, schema, reading, depth);
  return { type, nullable: nullable || schema['nullable'] === true };
}

/** Only references within the document, and none into themselves. */
function readReference(reference: string, reading: Reading, depth: number): Read {
  if (reading.open.includes(reference)) return opaque('recursive');
  if (!reference.startsWith('#/')) return opaque('declared in another document');
  let target: JsonValue | undefined = reading.root;
  for (const step of reference.slice(2).split('/')) {
    const name = step.replaceAll('~1', '/').replaceAll('~0', '~');
    target = isJsonObject(target) && Object.hasOwn(target, name) ? target[name] : undefined;
  }
  return readSchema(target, { ...reading, open: [...reading.open, reference] }, depth + 1);
}

/** `anyOf: [T, null]` is a T that may be null; other unions have no one type. */
function readUnion(union: readonly JsonValue[], reading: Reading, depth: number): Read {
  const isNull = (member: JsonValue): boolean => isJsonObject(member) && member['type'] === 'null';
  const [only, ...others] = union.filter((member) => !isNull(member));
  if (only === undefined || others.length > 0) return opaque('a union');
  const read = readSchema(only, reading, depth + 1);
  return { type: read.type, nullable: read.nullable || union.some(isNull) };
}

function typeOf(schema: JsonObject): { name: string | undefined; nullable: boolean } {
  const declared = schema['type'];
  const names = Array.isArray(declared) ? declared : declared === undefined ? typesOfValues(schema) : [declared];
  const [name, ...others] = names.filter((item) => item !== 'null');
  const known = typeof name === 'string' && others.length === 0 ? name : undefined;
  return { name: known, nullable: names.includes('null') };
}

/** `enum` and `const` without `type` have the type of their values. */
function typesOfValues(schema: JsonObject): string[] {
  const listed = Array.isArray(schema['enum']) ? schema['enum'] : 'const' in schema ? [schema['const']] : [];
  const names = listed.map((value) => (value === null ? 'null' : typeof value === 'number' ? 'number' : typeof value));
  return [...new Set(names)];
}

function readTyped(name: string, schema: JsonObject, reading: Reading, depth: number): ArgumentType {
  if (name === 'object') return readObject(schema, reading, depth);
  if (name !== 'array') return SCALARS[name] ?? { kind: 'opaque', why: `of the type ${name}` };
  const element = readSchema(schema['items'], reading, depth + 1);
  const isScalar = SCALARS_KINDS.has(element.type.kind) && !element.nullable && schema['prefixItems'] === undefined;
  return isScalar ? { kind: 'set', element: element.type } : { kind: 'opaque', why: 'an array of other than scalars' };
}

const SCALARS_KINDS: ReadonlySet<string> = new Set(Object.values(SCALARS).map((type) => type.kind));

function readObject(schema: JsonObject, reading: Reading, depth: number): ArgumentRecord {
  const required = Array.isArray(schema['required']) ? schema['required'] : [];
  const properties = isJsonObject(schema['properties']) ? schema['properties'] : {};
  const fields = new Map<string, ArgumentField>();
  for (const [name, property] of Object.entries(properties)) {
    if (FORBIDDEN_KEYS.has(name)) continue;
    fields.set(name, { ...readSchema(property, reading, depth + 1), required: required.includes(name) });
  }
  const more = schema['additionalProperties'];
  const open = more === true || isJsonObject(more) || DECLARES_ELSEWHERE.some((keyword) => keyword in schema);
  return { kind: 'record', fields, open };
}

/** How many arguments a record declares, those of its records included. */
export function countFields({ fields }: ArgumentRecord): number {
  let count = fields.size;
  for (const { type } of fields.values()) if (type.kind === 'record') count += countFields(type);
  return count;
}

/** For people: `a string`, `a set of strings`. */
export function describeType(type: ArgumentType): string {
  if (type.kind === 'set') return `a set of ${describeType(type.element).replace(/^an? /, '')}s`;
  if (type.kind === 'opaque') return `hidden from policy (${type.why})`;
  return type.kind === 'long' ? 'an integer' : `a ${type.kind}`;
}
