import { isJsonObject, type JsonObject, type JsonValue } from '../../../core/json.ts';
import type { EntityRef } from '../../../core/principal.ts';
import type { ArgumentRecord, ArgumentType } from '../argument-types.ts';
import type { Scalar, Value } from './shapes.ts';
import type { Use } from './use.ts';

/**
 * The calls of one tool in one job as a table: a row for each call, a column for each argument that policy can read.
 * Agents and runs are numbered, so that what is held out is a run and never half of one.
 */
export type Table = {
  action: string;
  resource: EntityRef;
  uses: readonly Use[];
  /** Ordinals, by row. */
  agents: readonly number[];
  runs: readonly number[];
  columns: readonly Column[];
};

export type Column = {
  /** Below `context.args`. */
  path: readonly string[];
  type: 'string' | 'long' | 'decimal' | 'boolean' | 'set';
  /** Whether a call may leave it out, by the schema of the tool. */
  optional: boolean;
  /** undefined: the call left it out. */
  cells: readonly (Value | undefined)[];
};

const COLUMNS_MAX = 100;

export function columnsOf(record: ArgumentRecord, uses: readonly Use[]): Column[] {
  const columns: Column[] = [];
  addColumns(record, [], false, uses, columns);
  return columns;
}

function addColumns(
  record: ArgumentRecord,
  path: readonly string[],
  optional: boolean,
  uses: readonly Use[],
  into: Column[],
): void {
  for (const [name, field] of record.fields) {
    if (into.length >= COLUMNS_MAX) return;
    const here = [...path, name];
    const mayLack = optional || !field.required || field.nullable;
    if (field.type.kind === 'record') {
      addColumns(field.type, here, mayLack, uses, into);
      continue;
    }
    if (field.type.kind === 'opaque') continue;
    const read = uses.map(({ args }) => cellOf(args, here, field.type));
    // A number that Cedar has no form for, a list that it has none for: a policy that read it would deny.
    if (read.includes(UNREADABLE)) continue;
    const cells = read as (Value | undefined)[];
    into.push({ path: here, type: field.type.kind, optional: mayLack, cells });
  }
}

const UNREADABLE = Symbol('unreadable');

function cellOf(args: JsonObject, path: readonly string[], type: ArgumentType): Value | undefined | typeof UNREADABLE {
  let value: JsonValue | undefined = args;
  for (const name of path) {
    value = isJsonObject(value) && Object.hasOwn(value, name) ? value[name] : undefined;
  }
  if (value === undefined || value === null) return undefined;
  if (type.kind !== 'set') return scalar(value, type) ?? UNREADABLE;
  if (!Array.isArray(value)) return UNREADABLE;
  const members = value.map((member) => scalar(member, type.element));
  return members.includes(undefined) ? UNREADABLE : (members as Scalar[]);
}

/** Decimals have four places in Cedar. */
const UNITS = 10_000;

function scalar(value: JsonValue, { kind }: ArgumentType): Scalar | undefined {
  if (kind === 'string') return typeof value === 'string' ? value : undefined;
  if (kind === 'boolean') return typeof value === 'boolean' ? value : undefined;
  if (typeof value !== 'number') return undefined;
  if (kind === 'long') return Number.isSafeInteger(value) ? value : undefined;
  const units = Math.round(value * UNITS);
  return kind === 'decimal' && Number.isSafeInteger(units) && units / UNITS === value ? value : undefined;
}
