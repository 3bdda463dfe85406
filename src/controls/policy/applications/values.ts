import { isJsonObject, type JsonObject, type JsonValue } from '../../../core/json.ts';
import { FORBIDDEN_KEYS } from '../argument-types.ts';
import { Decimal, parseDecimal } from '../cedar/decimal.ts';
import { Failure } from '../cedar/results.ts';
import { CedarRecord, CedarSet, type Value } from '../cedar/values.ts';

/**
 * Properties as policy sees them, by what they are, since nobody declared them: integers are Long, other numbers `decimal`
 * where four places hold them, null is absent. What has no exact value is there and cannot be read: a policy that looks at
 * it fails, and a failing policy permits nothing.
 */
export function attributesOf(properties: JsonObject): Map<string, Value | Failure> {
  const attributes = new Map<string, Value | Failure>();
  for (const [name, property] of Object.entries(properties)) {
    if (property !== null) attributes.set(name, readValue(name, property));
  }
  return attributes;
}

export function recordOf(properties: JsonObject): CedarRecord {
  const fields = attributesOf(properties);
  const hidden = [...fields.values()].map(hiddenIn).find((failure) => failure !== undefined);
  return new CedarRecord(fields, hidden);
}

function hiddenIn(value: Value | Failure): CedarRecord['hidden'] {
  if (value instanceof Failure) return value;
  return value instanceof CedarRecord ? value.hidden : undefined;
}

function readValue(name: string, json: JsonValue): Value | Failure {
  // These would be read as entities and addresses by whoever reads Cedar's own JSON.
  if (FORBIDDEN_KEYS.has(name)) return unreadable(name, 'its name is one that policy reserves');
  if (typeof json === 'string' || typeof json === 'boolean') return json;
  if (typeof json === 'number') return numberOf(name, json);
  if (Array.isArray(json)) return setOf(name, json);
  return isJsonObject(json) ? recordOf(json) : unreadable(name, 'null among values');
}

function numberOf(name: string, json: number): Value | Failure {
  if (Number.isSafeInteger(json)) return json;
  const decimal = parseDecimal(String(json).includes('.') ? String(json) : '');
  return decimal instanceof Decimal ? decimal : unreadable(name, 'a number with more than four decimals');
}

function setOf(name: string, json: readonly JsonValue[]): CedarSet | Failure {
  const elements = json.map((element) => readValue(name, element));
  const odd = elements.find((element) => element instanceof Failure || hiddenIn(element) !== undefined);
  return odd === undefined ? new CedarSet(elements as Value[]) : unreadable(name, 'it holds what policy cannot read');
}

function unreadable(name: string, why: string): Failure {
  return new Failure(`the property ${name} cannot be read by policy: ${why}`, 'unmapped');
}
