import { Decimal, formatDecimal } from './decimal.ts';
import { EXTENSION_FUNCTIONS } from './extensions.ts';
import { formatIp, IpAddress } from './ip.ts';
import { integerOfDouble, type ReadInteger, Uncompilable } from './literals.ts';
import { Failure, Partial, type Result } from './results.ts';
import { type Datetime, Duration } from './time.ts';
import { CedarRecord, CedarSet, Entity, type Value } from './values.ts';

/** Cedar's JSON data format: `{"__entity": {type, id}}`, `{"__extn": {fn, arg}}`, and JSON for the rest. */
export type CedarJson = boolean | number | string | readonly CedarJson[] | { readonly [key: string]: CedarJson };

export function entityFromJson(json: CedarJson): Entity {
  const object = asObject(json);
  const reference = object['__entity'] === undefined ? object : asObject(object['__entity']);
  const { type, id } = reference;
  if (typeof type !== 'string' || typeof id !== 'string') throw new Uncompilable('not an entity reference');
  return new Entity(type, id);
}

/** @throws Uncompilable for what is not of the format. A `Failure` is an extension value that does not read. */
export function valueFromJson(json: CedarJson, readInteger: ReadInteger = integerOfDouble): Value | Failure {
  if (typeof json === 'string' || typeof json === 'boolean') return json;
  if (typeof json === 'number') return readInteger(json);
  if (isArray(json)) return setFromJson(json, readInteger);
  const object = asObject(json);
  if (object['__entity'] !== undefined) return entityFromJson(json);
  if (object['__extn'] !== undefined) return extensionFromJson(asObject(object['__extn']), readInteger);
  const fields = new Map<string, Value>();
  for (const [name, field] of Object.entries(object)) {
    const value = valueFromJson(field, readInteger);
    if (value instanceof Failure) return value;
    fields.set(name, value);
  }
  return new CedarRecord(fields);
}

function setFromJson(json: readonly CedarJson[], readInteger: ReadInteger): Value | Failure {
  const elements: Value[] = [];
  for (const element of json) {
    const value = valueFromJson(element, readInteger);
    if (value instanceof Failure) return value;
    elements.push(value);
  }
  return new CedarSet(elements);
}

function extensionFromJson(json: { readonly [key: string]: CedarJson }, readInteger: ReadInteger): Value {
  const call = typeof json['fn'] === 'string' ? EXTENSION_FUNCTIONS.get(json['fn']) : undefined;
  const given = json['args'] ?? [json['arg'] ?? []];
  if (call === undefined || !isArray(given)) throw new Uncompilable('an unknown extension value');
  const result: Result = call(given.map((argument) => valueFromJson(argument, readInteger)));
  if (result instanceof Failure) throw new Uncompilable(result.message);
  return result as Value;
}

/** What cedar-wasm reads. A field that policy cannot see is left out. */
export function valueToJson(value: Value): CedarJson {
  if (typeof value === 'bigint') throw new RangeError('an integer that JSON cannot carry to cedar-wasm');
  if (typeof value !== 'object') return value;
  if (value instanceof Entity) return { __entity: { type: value.type, id: value.id } };
  if (value instanceof CedarSet) return [...value].map(valueToJson);
  if (value instanceof CedarRecord) return fieldsToJson(value.fields);
  return extensionToJson(value);
}

export function fieldsToJson(fields: ReadonlyMap<string, Result>): Record<string, CedarJson> {
  const json: [string, CedarJson][] = [];
  for (const [name, field] of fields) {
    if (field instanceof Partial) throw new TypeError('cedar-wasm cannot be asked about what is unknown');
    if (!(field instanceof Failure)) json.push([name, valueToJson(field)]);
  }
  return Object.fromEntries(json);
}

function extensionToJson(value: Decimal | IpAddress | Datetime | Duration): CedarJson {
  const made = (fn: string, arg: CedarJson): CedarJson => ({ __extn: { fn, arg } });
  if (value instanceof Decimal) return made('decimal', formatDecimal(value));
  if (value instanceof IpAddress) return made('ip', formatIp(value));
  if (value instanceof Duration) return made('duration', `${value.ms}ms`);
  const since = made('duration', `${value.epoch_ms}ms`);
  return { __extn: { fn: 'offset', args: [made('datetime', '1970-01-01'), since] } };
}

export function isArray(json: CedarJson | undefined): json is readonly CedarJson[] {
  return Array.isArray(json);
}

export function asObject(json: CedarJson | undefined): { readonly [key: string]: CedarJson } {
  if (typeof json !== 'object' || isArray(json)) throw new Uncompilable('an object was expected');
  return json;
}
