import { attributesOf, recordOf } from '../../src/controls/policy/applications/values.ts';
import { Failure } from '../../src/controls/policy/cedar/results.ts';
import { keyOf } from '../../src/controls/policy/cedar/values.ts';
import { isJsonObject, type JsonObject, type JsonValue, parseJson } from '../../src/core/json.ts';
import { isRefusal } from '../../src/core/refusal.ts';
import { ENDPOINTS } from '../../src/protocols/authzen/endpoints.ts';
import { readAsked } from '../../src/protocols/authzen/reading.ts';
import { type Dice, fuzz } from './harness.ts';

/**
 * AuthZEN questions: whatever a body holds, it is a question or a refusal that can be told, and its properties are values
 * that policy compares or failures that permit nothing.
 */
const KEYS = ['subject', 'action', 'resource', 'context', 'evaluations', 'options', 'type', 'id', 'name', 'properties'];
const ODD = ['__entity', '__extn', 'constructor', 'toString', '', 'é', 'page', 'evaluations_semantic'];
const SCALARS: readonly JsonValue[] = [
  null,
  true,
  '',
  'alice',
  'user',
  0,
  -1,
  0.5,
  0.123456,
  2 ** 53 - 1,
  'x'.repeat(2_000),
];

function value(dice: Dice, depth: number): JsonValue {
  if (depth > 4 || dice.integer(10) < 3) return dice.pick(SCALARS);
  if (dice.integer(4) === 0) return Array.from({ length: dice.integer(4) }, () => value(dice, depth + 1));
  return object(dice, depth + 1);
}

function object(dice: Dice, depth: number): JsonObject {
  const names = Array.from({ length: dice.integer(6) }, () => dice.pick(dice.integer(5) > 0 ? KEYS : ODD));
  return Object.fromEntries(names.map((name) => [name, value(dice, depth)]));
}

await fuzz('authzen', 1_000, (dice) => {
  const text = JSON.stringify(object(dice, 0));
  const body = parseJson(text);
  if (!isJsonObject(body)) throw new Error('an object was read as something else');
  const endpoint = dice.pick(ENDPOINTS);
  const asked = readAsked(endpoint, body);
  if (isRefusal(asked) && asked.http !== 400) throw new Error(`refused with ${asked.http}`);
  for (const [name, attribute] of attributesOf(body)) {
    if (attribute instanceof Failure) continue;
    if (name.startsWith('__ent') || name.startsWith('__ext')) throw new Error(`${name} became a value`);
  }
  const record = recordOf(body);
  if (record.hidden === undefined) keyOf(record);
});
