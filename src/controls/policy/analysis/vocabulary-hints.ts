import { isJsonObject, type JsonObject, type JsonValue } from '../../../core/json.ts';
import type { ServerCatalog } from '../../../core/manifest.ts';
import { type ArgumentRecord, describeType } from '../argument-types.ts';
import type { Registered } from '../catalog.ts';
import type { TypeVariant } from '../cedar-schema.ts';
import { ACTIONS, CONTEXT_SHAPE, ENTITY_SHAPES, FULFILLABLE } from '../vocabulary.ts';
import type { ArgumentHint, AttributeHint, KnownAgent, Vocabulary } from './types.ts';

const ABOUT: Readonly<Record<string, string>> = {
  owner: 'who answers for the agent',
  version: 'the version that was registered',
  jobs: 'kinds of work that the agent may do',
  server: 'the server it belongs to',
  name: 'its name at its server',
  uri: 'its address at its server',
  nulls: 'arguments that were sent as null',
  unmapped: 'arguments that policy cannot see',
  'run.id': 'the run',
  'run.job': 'the kind of work that the run does',
  'run.opened_by': 'who opened the run',
  'run.purpose': 'what the run is for, where that was granted',
  'run.subject': 'the user in whose name, where there is one',
  'run.subject.id': 'the user, opaque',
  'run.subject.name': 'the user by name',
  'chain.depth': 'how often it was delegated; for a forbid',
  'chain.actors': 'every agent of the delegation; for a forbid',
  'credential.kind': 'dpop, mtls, bearer or child',
  protocol: 'mcp or authzen',
};

const ANNOTATIONS: Readonly<Record<string, { on: 'permit' | 'forbid' | 'both'; about: string }>> = {
  id: { on: 'both', about: 'the name by which receipts call the policy; required' },
  reason: { on: 'both', about: 'one sentence that says why it is there; required' },
  public: { on: 'both', about: 'what an agent may be told instead' },
  approve: { on: 'forbid', about: 'lifted by people: "team-dba quorum=2"' },
  evidence: { on: 'permit', about: 'receipts of the calls that it was learnt from' },
  shadow: { on: 'both', about: 'evaluated and recorded, never enforced' },
};

type Registration = { catalogs: readonly ServerCatalog[]; registered: Registered; agents: readonly KnownAgent[] };

/** All that a policy may name, with what is registered now. */
export function vocabularyOf({ catalogs, registered, agents }: Registration): Vocabulary {
  const schemas = new Map<string, JsonObject>(
    catalogs.flatMap(({ server, tools }) =>
      tools.map(({ name, inputSchema }) => [`${server}/${name}`, inputSchema] as const),
    ),
  );
  const named = (type: 'Tool' | 'Prompt') =>
    registered.entries(type).map(([id, record]) => ({ id, arguments: argumentHints(record, schemas.get(id)) }));
  return {
    actions: Object.entries(ACTIONS).map(([name, row]) => ({
      name,
      principals: row.principals,
      resources: row.resources,
      arguments: row.args === 'declared',
    })),
    entities: Object.fromEntries(Object.entries(ENTITY_SHAPES).map(([type, shape]) => [type, attributes(shape)])),
    context: attributes(CONTEXT_SHAPE),
    annotations: [...new Set(Object.values(FULFILLABLE).flat())].flatMap((name) => {
      const known = ANNOTATIONS[name];
      return known === undefined ? [] : [{ name, ...known }];
    }),
    agents: agents.map(({ id, jobs }) => ({ id, jobs })),
    servers: catalogs.map(({ server }) => server),
    tools: named('Tool'),
    prompts: named('Prompt'),
    resources: catalogs.flatMap(({ server, resources }) => resources.map(({ uri }) => `${server}/${uri}`)),
  };
}

type Shape = Readonly<Record<string, TypeVariant & { required?: boolean }>>;

function attributes(shape: Shape, prefix = ''): AttributeHint[] {
  return Object.entries(shape).flatMap(([key, type]) => {
    const name = `${prefix}${key}`;
    const optional = type.required === false;
    const inside = type.type === 'Record' ? attributes(type.attributes as Shape, `${name}.`) : [];
    // A record that is always there is only a way to what is in it.
    if (type.type === 'Record' && !optional) return inside;
    return [{ name, type: wordFor(type), optional, about: ABOUT[name] ?? '' }, ...inside];
  });
}

function wordFor(type: TypeVariant): string {
  if (type.type === 'Set') return 'set of strings';
  return type.type === 'Extension' ? String(type.name) : type.type.toLowerCase();
}

function argumentHints(record: ArgumentRecord, schema: JsonObject | undefined, prefix = ''): ArgumentHint[] {
  return [...record.fields].flatMap(([key, { type, required, nullable }]) => {
    const path = `${prefix}${key}`;
    const property = propertyOf(schema, key);
    const hint = { path, type: describeType(type), optional: !required || nullable, values: listedValues(property) };
    return type.kind === 'record' ? [hint, ...argumentHints(type, property, `${path}.`)] : [hint];
  });
}

/** The schema of one property, where it is written out at this place. */
export function propertyOf(schema: JsonObject | undefined, name: string): JsonObject | undefined {
  const properties = schema?.['properties'];
  const property = isJsonObject(properties) && Object.hasOwn(properties, name) ? properties[name] : undefined;
  return isJsonObject(property) ? property : undefined;
}

/** Of `enum` or `const`, or of the items of an array that has them. */
export function listedValues(schema: JsonObject | undefined): readonly JsonValue[] {
  if (schema === undefined) return [];
  if (Array.isArray(schema['enum'])) return schema['enum'];
  if (schema['const'] !== undefined) return [schema['const']];
  return isJsonObject(schema['items']) ? listedValues(schema['items']) : [];
}
