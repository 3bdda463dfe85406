import type { ArgumentRecord, ArgumentType } from './argument-types.ts';
import { describeType } from './argument-types.ts';
import type { CedarSchema, TypeVariant } from './cedar-schema.ts';
import { ACTIONS, CONTEXT_SHAPE, ENTITY_SHAPES, SERVED_TYPES } from './vocabulary.ts';

/**
 * The Cedar schema that policies are checked against. One action, `tool.call`, serves all tools, so its arguments have no
 * one type: each policy is checked against the tools that its head can match, and what differs among them is left out.
 */
export type Conflict = { path: string; message: string };
export type MergedArguments = { attributes: Attributes; conflicts: Conflict[] };
type Attributes = Record<string, TypeVariant & { required?: boolean }>;
type Named = readonly [name: string, record: ArgumentRecord];

export function cedarSchema(args: Readonly<Record<string, Attributes>>): CedarSchema {
  const entityTypes = Object.entries(ENTITY_SHAPES).map(([name, shape]) => [
    name,
    {
      shape: { type: 'Record', attributes: required(shape) },
      ...(SERVED_TYPES.includes(name) ? { memberOfTypes: ['Server'] } : {}),
    },
  ]);
  const actions = Object.entries(ACTIONS).map(([name, row]) => {
    const own: TypeVariant = { type: 'Record', attributes: args[name] ?? {} };
    const context = { type: 'Record', attributes: required({ ...CONTEXT_SHAPE, args: own }) };
    return [name, { appliesTo: { principalTypes: row.principals, resourceTypes: row.resources, context } }];
  });
  return { '': { entityTypes: Object.fromEntries(entityTypes), actions: Object.fromEntries(actions) } } as CedarSchema;
}

function required(shape: Readonly<Record<string, TypeVariant>>): Attributes {
  return Object.fromEntries(Object.entries(shape).map(([name, type]) => [name, closed(type)]));
}

/** Cedar takes an attribute for required unless it says otherwise; nested records are written out the same way. */
function closed(type: TypeVariant): TypeVariant & { required: boolean } {
  return { ...type, required: true };
}

/** The arguments that all of `records` agree on, each required only where it is in all of them. */
export function mergeArguments(records: readonly Named[], prefix: readonly string[] = []): MergedArguments {
  const attributes: Attributes = {};
  const conflicts: Conflict[] = [];
  const names = new Set(records.flatMap(([, record]) => [...record.fields.keys()]));
  for (const name of names) {
    const fields = records.flatMap(([of, record]) => {
      const field = record.fields.get(name);
      return field === undefined ? [] : [{ of, ...field }];
    });
    const path = [...prefix, name];
    const merged = mergeTypes(
      fields.map(({ of, type }) => [of, type]),
      path,
    );
    conflicts.push(...merged.conflicts);
    if (merged.type === undefined) continue;
    const isRequired = fields.length === records.length && fields.every((field) => field.required && !field.nullable);
    attributes[name] = { ...merged.type, required: isRequired };
  }
  return { attributes, conflicts };
}

type MergedType = { type: TypeVariant | undefined; conflicts: Conflict[] };

function mergeTypes(types: readonly (readonly [string, ArgumentType])[], path: readonly string[]): MergedType {
  const records = types.filter((entry): entry is [string, ArgumentRecord] => entry[1].kind === 'record');
  if (records.length === types.length) {
    const { attributes, conflicts } = mergeArguments(records, path);
    return { type: { type: 'Record', attributes }, conflicts };
  }
  const [first] = types;
  const one = first === undefined ? undefined : cedarType(first[1]);
  const same = types.every(([, type]) => describeType(type) === describeType((first as (typeof types)[0])[1]));
  if (one !== undefined && same) return { type: one, conflicts: [] };
  return { type: undefined, conflicts: [{ path: path.join('.'), message: conflictMessage(types, path) }] };
}

function conflictMessage(types: readonly (readonly [string, ArgumentType])[], path: readonly string[]): string {
  const kinds = new Map<string, string>();
  for (const [of, type] of types) if (!kinds.has(describeType(type))) kinds.set(describeType(type), of);
  const [[kind, of] = ['', ''], ...others] = [...kinds];
  if (others.length === 0) return `the argument ${path.join('.')} of ${of} is ${kind}`;
  const rest = others.slice(0, 3).map(([otherKind, other]) => `${otherKind} in ${other}`);
  return `the argument ${path.join('.')} is ${kind} in ${of}, ${rest.join(', ')}: name one tool in the policy's head`;
}

/** @returns undefined for what policy cannot see; records are merged by name before. */
function cedarType(type: ArgumentType): TypeVariant | undefined {
  switch (type.kind) {
    case 'string':
      return { type: 'String' };
    case 'long':
      return { type: 'Long' };
    case 'decimal':
      return { type: 'Extension', name: 'decimal' };
    case 'boolean':
      return { type: 'Boolean' };
    case 'set': {
      const element = cedarType(type.element);
      return element === undefined ? undefined : { type: 'Set', element };
    }
    case 'record':
    case 'opaque':
      return undefined;
  }
}
