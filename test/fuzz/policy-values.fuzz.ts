import { argumentsOf } from '../../src/controls/policy/argument-types.ts';
import { ArgumentsInvalid, mapArguments } from '../../src/controls/policy/argument-values.ts';
import { valueToJson } from '../../src/controls/policy/cedar/json-values.ts';
import { keyOf } from '../../src/controls/policy/cedar/values.ts';
import { isJsonObject, type JsonObject, type JsonValue, parseJson } from '../../src/core/json.ts';
import { type Dice, fuzz } from './harness.ts';

/**
 * The value mapping: whatever schema an upstream registers and whatever arguments an agent sends, they are refused or they
 * become values; no key that forges an entity survives in what policy or cedar-wasm reads; what was given and is not seen is
 * listed.
 */
const NAMES = [
  'a',
  'b',
  'path',
  '__entity',
  '__extn',
  '__expr',
  'constructor',
  'toString',
  'a.b',
  'é',
  '',
  'hasOwnProperty',
];
const TYPES = ['string', 'integer', 'number', 'boolean', 'null', 'object', 'array', 'nonsense', ''];
const KEYWORDS = [
  '$ref',
  'anyOf',
  'oneOf',
  'allOf',
  'enum',
  'const',
  'nullable',
  'items',
  'prefixItems',
  'patternProperties',
];
const NUMBERS = [0, 1, -1, 0.1, 0.00001, 2 ** 53 - 1, -(2 ** 53) + 1, 99.9999, 922337203685477.6, 5e-324];

function schema(dice: Dice, depth: number): JsonValue {
  const { integer, pick } = dice;
  if (depth > 5 || integer(12) === 0) return pick<JsonValue>([true, false, null, 'x', {}, []]);
  const out: JsonObject = {};
  if (integer(5) > 0) out['type'] = integer(6) === 0 ? [pick(TYPES), 'null'] : pick(TYPES);
  if (integer(3) > 0) {
    const properties: JsonObject = {};
    for (let count = integer(4); count > 0; count -= 1) properties[pick(NAMES)] = schema(dice, depth + 1);
    out['properties'] = properties;
    if (integer(2) === 0) out['type'] = 'object';
  }
  if (integer(3) === 0) out['required'] = [pick(NAMES), pick(NAMES)];
  if (integer(4) === 0) out['additionalProperties'] = pick<JsonValue>([true, false, {}]);
  if (integer(3) === 0) out['items'] = schema(dice, depth + 1);
  if (integer(5) === 0) {
    const word = pick(KEYWORDS);
    out[word] = pick<() => JsonValue>([
      () => '#',
      () => '#/properties/a',
      () => '#/properties/a/properties/a',
      () => 'https://elsewhere/',
      () => [schema(dice, depth + 1), { type: 'null' }],
      () => schema(dice, depth + 1),
      () => ['x', 1, null],
    ])();
  }
  return out;
}

function value(dice: Dice, depth: number): JsonValue {
  const { integer, pick } = dice;
  const kind = integer(depth > 5 ? 4 : 6);
  if (kind === 0) return pick<JsonValue>(['', 'x', '__entity', 'é\u0000', 'reports/../x']);
  if (kind === 1) return pick(NUMBERS);
  if (kind === 2) return pick([true, false]);
  if (kind === 3) return null;
  if (kind === 4) return Array.from({ length: integer(4) }, () => value(dice, depth + 1));
  return object(dice, depth);
}

function object(dice: Dice, depth: number): JsonObject {
  const out: JsonObject = {};
  for (let count = dice.integer(5); count > 0; count -= 1) out[dice.pick(NAMES)] = value(dice, depth + 1);
  return out;
}

function holdsForgery(json: JsonValue): boolean {
  if (Array.isArray(json)) return json.some(holdsForgery);
  if (!isJsonObject(json)) return false;
  return Object.entries(json).some(([name, field]) => /^__(entity|extn|expr)$/.test(name) || holdsForgery(field));
}

await fuzz('policy-values', 1_000, (dice) => {
  const written = schema(dice, 0);
  const type = argumentsOf(isJsonObject(written) ? { ...written, type: 'object' } : {});
  // As they arrive: through the one parser of requests.
  const args = parseJson(JSON.stringify(object(dice, 0))) as JsonObject;
  const mapped = mapArguments(args, type);
  if (mapped instanceof ArgumentsInvalid) {
    if (mapped.message === '') throw new Error('refused without saying why');
    return;
  }
  if (holdsForgery(args)) throw new Error(`a forging key passed: ${JSON.stringify(args)}`);
  const seen = mapped.record.fields.size + mapped.nulls.filter((path) => isTop(path, args)).length;
  if (seen !== Object.keys(args).length)
    throw new Error(`an argument is neither seen nor listed: ${JSON.stringify(args)}`);
  if (mapped.unmapped.length > 0 !== (mapped.record.hidden !== undefined)) throw new Error('hidden, but not listed');
  // Decimals are extension values in what cedar-wasm reads; without those, nothing that looks like one may be there.
  const json = JSON.stringify(valueToJson(mapped.record)).replace(
    /\{"__extn":\{"fn":"decimal","arg":"-?\d+\.\d+"\}\}/g,
    '0',
  );
  if (/"__(?:entity|extn|expr)":/.test(json)) throw new Error(`a forging key reached cedar-wasm: ${json}`);
  if (mapped.record.hidden === undefined) keyOf(mapped.record);
});

/** A path of the first level: the name itself, or the name in quotes and brackets. */
function isTop(path: string, args: JsonObject): boolean {
  return Object.keys(args).some((name) => path === name || path === `[${JSON.stringify(name)}]`);
}
