import type { DecisionRequest } from '../../../src/core/decision.ts';
import type { JsonObject, JsonValue } from '../../../src/core/json.ts';
import { isJsonObject } from '../../../src/core/json.ts';
import { LOWEST_LABEL } from '../../../src/core/label.ts';
import { type Chance, NUMBERS, PATTERNS, TEXTS } from './pairs.ts';
import { AGENTS, TOOLS } from './world.ts';

/** A request as an agent could send it. It knows the values that rules speak of, but not the rules. */
export function randomRequest(dice: Chance): DecisionRequest {
  const agent = dice.pick(AGENTS);
  const tool = dice.pick(Object.keys(TOOLS));
  const actors =
    dice.integer(4) === 0 ? [...AGENTS.filter(() => dice.integer(3) === 0).map(({ id }) => id), agent.id] : [];
  const { id, owner, version, jobs, purposes } = agent;
  const name = dice.pick(['ann', 'bob', 'eve@acme', 'x']);
  return {
    principal: { type: 'Agent', id },
    agent: { id, owner, version, jobs },
    credential: { kind: dice.pick(['dpop', 'mtls', 'bearer'] as const), thumbprint: 'key' },
    run: {
      id: 'run_1',
      agent: id,
      job: dice.pick(jobs),
      opened_by: id,
      purpose: dice.integer(2) === 0 ? null : (dice.pick([...(purposes ?? []), null]) ?? null),
      subject: dice.integer(2) === 0 ? null : { id: `usr_${name}`, name },
      chain: actors.map((actor) => ({
        actor,
        generation: 1,
        run: 'run_1',
        grant: null,
        scope_digest: '',
        expires_at: 0,
      })),
      scopes: [],
      opened_at: 0,
      expires_at: 0,
      labels: LOWEST_LABEL,
    },
    protocol: 'mcp',
    access: { action: 'tool.call', resource: { type: 'Tool', id: tool }, args: objectOf(dice, TOOLS[tool]!) },
  };
}

function objectOf(dice: Chance, schema: JsonObject): JsonObject {
  const required = (schema['required'] ?? []) as string[];
  const args: JsonObject = {};
  for (const [name, property] of Object.entries((schema['properties'] ?? {}) as JsonObject)) {
    if (!isJsonObject(property) || (!required.includes(name) && dice.integer(2) === 0)) continue;
    args[name] = sentFor(dice, property, !required.includes(name));
  }
  if (schema['additionalProperties'] === true && dice.integer(4) === 0) args['extra'] = 1;
  return args;
}

const HOSTS = [
  '10.0.0.1',
  '10.1.2.3',
  '192.168.3.4',
  '127.0.0.1',
  '::1',
  '2001:db8::7',
  '8.8.8.8',
  'example.com',
  '10.0.0.0/8',
];
const AMOUNTS = [0, 10, 99.99, 100, 0.0001, 9.9999, 100.0001, 0.000_01, 50, -3];

function sentFor(dice: Chance, schema: JsonObject, optional: boolean): JsonValue {
  const { type } = schema;
  if (optional && dice.integer(10) === 0) return null;
  if (Array.isArray(schema['enum'])) return dice.pick([...schema['enum'], 'lost']);
  if (Array.isArray(type)) return dice.integer(3) === 0 ? null : textOf(dice);
  if (type === 'integer') return dice.pick(NUMBERS) + dice.pick([-1, 0, 0, 1, 34]);
  if (type === 'number') return dice.pick(AMOUNTS);
  if (type === 'boolean') return dice.integer(2) === 0;
  if (type === 'object') return objectOf(dice, schema);
  if (type === 'array') {
    const { items } = schema;
    if (isJsonObject(items) && items['type'] === 'object') return [{}];
    return ['bug', 'ui', 'security', 'other'].filter(() => dice.integer(2) === 0);
  }
  return textOf(dice);
}

function textOf(dice: Chance): string {
  switch (dice.integer(4)) {
    case 0:
      return dice.pick(TEXTS);
    case 1:
      return dice.pick(HOSTS);
    case 2:
      return dice.pick(PATTERNS).replaceAll('*', () => dice.pick(['', 'x', 'secret', '..', '/q1', 'c', '.md']));
    default:
      return dice.pick(TEXTS) + dice.pick(TEXTS);
  }
}
