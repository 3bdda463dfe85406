import { isJsonObject, type JsonObject, type JsonValue } from '../../core/json.ts';
import { type ArgumentRecord, type ArgumentType, describeType, FORBIDDEN_KEYS } from './argument-types.ts';
import { Decimal } from './cedar/decimal.ts';
import { Failure } from './cedar/results.ts';
import { CedarRecord, CedarSet, type Value } from './cedar/values.ts';

/**
 * Arguments as policy sees them. What has no exact Cedar value is not guessed at: it is absent, listed, and a policy that
 * reads it fails. What the tool did not declare is refused, since nobody wrote a rule for it.
 */
export type MappedArguments = {
  record: CedarRecord;
  /** Paths of arguments that were null. */
  nulls: readonly string[];
  /** Paths of arguments that policy cannot see. */
  unmapped: readonly string[];
  /** How many values there are, elements and fields counted. */
  values: number;
};

/** What does not fit the declared schema, for the operator: `path is not a string`. */
export class ArgumentsInvalid {
  readonly message: string;
  constructor(message: string) {
    this.message = message;
  }
}

const NOTHING: readonly string[] = [];
const NO_ARGUMENTS: MappedArguments = {
  record: new CedarRecord(new Map()),
  nulls: NOTHING,
  unmapped: NOTHING,
  values: 0,
};

export function mapArguments(args: JsonObject, type: ArgumentRecord): MappedArguments | ArgumentsInvalid {
  if (type.fields.size === 0 && Object.keys(args).length === 0) return NO_ARGUMENTS;
  const mapping = new Mapping();
  const record = mapping.record(args, type, '');
  return mapping.invalid ?? { record, nulls: mapping.nulls, unmapped: mapping.unmapped, values: mapping.values };
}

/** Arguments of something that declares none, or is not registered: there, but hidden. */
export const UNDECLARED: ArgumentRecord = { kind: 'record', fields: new Map(), open: true };

class Mapping {
  readonly nulls: string[] = [];
  readonly unmapped: string[] = [];
  values = 0;
  invalid: ArgumentsInvalid | undefined;

  record(object: JsonObject, type: ArgumentRecord, path: string): CedarRecord {
    const fields = new Map<string, Value | Failure>();
    let hidden: CedarRecord['hidden'];
    for (const name of Object.keys(object)) {
      const value = this.#field(name, object[name] as JsonValue, type, path);
      if (value === undefined) continue;
      fields.set(name, value);
      this.values += 1;
      if (value instanceof Failure) hidden ??= value;
      else if (value instanceof CedarRecord) hidden ??= value.hidden;
    }
    for (const [name, field] of type.fields) {
      if (field.required && !Object.hasOwn(object, name)) this.#refuse(join(path, name), 'is required');
    }
    return new CedarRecord(fields, hidden);
  }

  /** @returns undefined where the argument is absent to policy because it is null. */
  #field(name: string, value: JsonValue, type: ArgumentRecord, path: string): Value | Failure | undefined {
    if (FORBIDDEN_KEYS.has(name)) return this.#refuse(join(path, name), 'is a name that policy reserves');
    const field = type.fields.get(name);
    if (field === undefined) {
      const here = join(path, name);
      return type.open ? this.#hide(value, here, 'not declared') : this.#refuse(here, 'is not declared');
    }
    // A required argument that may not be null is one that the policy's schema promises.
    if (value === null && (field.nullable || !field.required || field.type.kind === 'opaque')) {
      this.nulls.push(join(path, name));
      return undefined;
    }
    // Nearly every argument is one of these and fits: its path is not needed.
    if (typeof value === 'string' && field.type.kind === 'string') return value;
    return this.#value(value, field.type, join(path, name));
  }

  #value(value: JsonValue, type: ArgumentType, path: string): Value | Failure {
    if (type.kind === 'opaque') return this.#hide(value, path, type.why);
    if (type.kind === 'record') {
      return isJsonObject(value) ? this.record(value, type, path) : this.#refuse(path, 'is not an object');
    }
    if (type.kind === 'set') return this.#set(value, type.element, path);
    const scalar = scalarOf(value, type);
    if (scalar === 'misfit') return this.#refuse(path, `is not ${describeType(type)}`);
    return scalar === 'inexact' ? this.#hide(value, path, 'a number with more than four decimals') : scalar.value;
  }

  #set(value: JsonValue, element: ArgumentType, path: string): Value | Failure {
    if (!Array.isArray(value)) return this.#refuse(path, 'is not an array');
    const elements: Value[] = [];
    for (const item of value) {
      const scalar = scalarOf(item, element);
      if (scalar === 'misfit') return this.#refuse(path, `holds what is not ${describeType(element)}`);
      if (scalar === 'inexact') return this.#hide(value, path, 'a number with more than four decimals');
      elements.push(scalar.value);
    }
    this.values += elements.length;
    return new CedarSet(elements);
  }

  /** The keys that forge values are refused however deep they lie: what is hidden from policy still goes upstream. */
  #hide(value: JsonValue, path: string, why: string): Failure {
    this.unmapped.push(path);
    const forbidden = forbiddenKeyIn(value);
    if (forbidden !== undefined) return this.#refuse(join(path, forbidden), 'is a name that policy reserves');
    return new Failure(`the argument ${path} cannot be read by policy: ${why}`, 'unmapped');
  }

  #refuse(path: string, what: string): Failure {
    this.invalid ??= new ArgumentsInvalid(`the argument ${path} ${what}`);
    return new Failure(this.invalid.message, 'unmapped');
  }
}

/** `args.a.b`; a name that is no identifier is quoted, so that two paths never look alike. */
function join(path: string, name: string): string {
  if (/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) return path === '' ? name : `${path}.${name}`;
  return `${path}[${JSON.stringify(name)}]`;
}

function scalarOf(value: JsonValue, type: ArgumentType): { value: Value } | 'misfit' | 'inexact' {
  switch (type.kind) {
    case 'string':
      return typeof value === 'string' ? { value } : 'misfit';
    case 'boolean':
      return typeof value === 'boolean' ? { value } : 'misfit';
    case 'long':
      return Number.isSafeInteger(value) ? { value: (value as number) + 0 } : 'misfit';
    case 'decimal':
      return typeof value === 'number' ? (decimalOf(value) ?? 'inexact') : 'misfit';
    default:
      return 'misfit';
  }
}

const UNITS = 10_000;

/** Exact where the double that arrived is the double nearest to a number of ten-thousandths. */
function decimalOf(value: number): { value: Decimal } | undefined {
  const units = Math.round(value * UNITS) + 0;
  return Number.isSafeInteger(units) && units / UNITS === value ? { value: new Decimal(units) } : undefined;
}

function forbiddenKeyIn(value: JsonValue): string | undefined {
  if (Array.isArray(value)) {
    for (const item of value) {
      const found = forbiddenKeyIn(item);
      if (found !== undefined) return found;
    }
    return undefined;
  }
  if (!isJsonObject(value)) return undefined;
  for (const [name, field] of Object.entries(value)) {
    const found = FORBIDDEN_KEYS.has(name) ? name : forbiddenKeyIn(field);
    if (found !== undefined) return found;
  }
  return undefined;
}
