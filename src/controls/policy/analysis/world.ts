import type { JsonObject } from '../../../core/json.ts';
import type { ServerCatalog } from '../../../core/manifest.ts';
import type { EntityRef } from '../../../core/principal.ts';
import { actionsOf } from '../annotations.ts';
import type { ArgumentField, ArgumentRecord, ArgumentType } from '../argument-types.ts';
import { type Registered, registerCatalogs } from '../catalog.ts';
import { asObject, type CedarJson } from '../cedar/json-values.ts';
import { type Constraint, readConstraint } from '../cedar/scope.ts';
import type { PolicySource } from '../places.ts';
import { ACTIONS } from '../vocabulary.ts';
import type { Cell } from './cell.ts';
import { atomsOf, chainsIn, nodeOf, operandsOf } from './expression.ts';
import type { Registration } from './registration.ts';
import { conditionsOf } from './slots.ts';
import type { KnownAgent } from './types.ts';

/** Who there is and what there is to reach: what is registered, and where nothing is known, what policies name. */
export type World = {
  agents: readonly KnownAgent[];
  /** Whether these agents are all; else they are those that policies name, and a stranger. */
  agentsKnown: boolean;
  registered: Registered;
  /** What is registered, and beside it what policies name of servers that nobody has read. */
  catalogs: readonly ServerCatalog[];
  servers: readonly string[];
  /** By type, ids with what their arguments are. */
  resources: ReadonlyMap<string, readonly WorldResource[]>;
};

export type WorldResource = { id: string; args: ArgumentRecord; schema: JsonObject | undefined; registered: boolean };

const NOTHING: ArgumentRecord = { kind: 'record', fields: new Map(), open: false };
export const STRANGER = 'another-agent';

export function worldOf(policies: readonly PolicySource[], { catalogs, agents, each }: Registration): World {
  const registered = registerCatalogs(catalogs, each);
  const named = policies.flatMap(namedIn);
  const servers = [...new Set([...registered.servers, ...named.flatMap(serverOf)])];
  const strangers = [...new Set([...idsOf(named, 'Agent'), STRANGER])].map(unknownAgent);
  const guessed = guessedCatalogs(policies, named, servers, registered);
  const all = [...catalogs, ...guessed];
  const schemas = new Map<string, JsonObject>(
    all.flatMap(({ server, tools }) =>
      tools.map(({ name, inputSchema }): [string, JsonObject] => [`${server}/${name}`, inputSchema]),
    ),
  );
  const everything = registerCatalogs(all, each);
  const offered = (type: 'Tool' | 'Prompt'): WorldResource[] =>
    everything.entries(type).map(([id, args]) => ({
      id,
      args,
      schema: schemas.get(id),
      registered: registered.servers.has(id.slice(0, id.indexOf('/'))),
    }));
  const plain = (ids: readonly string[]): WorldResource[] =>
    [...new Set(ids)].map((id) => ({ id, args: NOTHING, schema: undefined, registered: true }));
  const uris = catalogs.flatMap(({ server, resources }) => resources.map(({ uri }) => `${server}/${uri}`));
  return {
    agents: agents.length > 0 ? agents : strangers,
    agentsKnown: agents.length > 0,
    registered,
    catalogs: all,
    servers,
    resources: new Map([
      ['Tool', offered('Tool')],
      ['Prompt', offered('Prompt')],
      ['Server', plain(servers)],
      ['Resource', plain([...uris, ...idsOf(named, 'Resource'), ...addresses(policies, servers)])],
      ['DecisionPoint', plain([...idsOf(named, 'DecisionPoint'), 'sallyport'])],
    ]),
  };
}

function unknownAgent(id: string): KnownAgent {
  return { id, owner: 'somebody', version: '1', jobs: [], purposes: undefined };
}

function idsOf(named: readonly EntityRef[], type: string): string[] {
  return named.flatMap((one) => (one.type === type ? [one.id] : []));
}

function serverOf({ type, id }: EntityRef): string[] {
  if (type === 'Server') return [id];
  const slash = id.indexOf('/');
  return ['Tool', 'Prompt', 'Resource'].includes(type) ? [slash < 0 ? id : id.slice(0, slash)] : [];
}

/** Entities that a policy names, in its head or in its conditions. */
export function namedIn(policy: PolicySource): EntityRef[] {
  const heads = [policy.json.principal, policy.json.resource].map((head) => readConstraint(head as CedarJson));
  return [...heads.flatMap(entitiesOf), ...conditionsOf(policy).flatMap(literalEntities)];
}

function entitiesOf(constraint: Constraint): EntityRef[] {
  switch (constraint.kind) {
    case 'any':
      return [];
    case 'equals':
      return [constraint.entity];
    case 'within':
      return [...constraint.entities];
    case 'is':
      return constraint.within === undefined ? [] : [constraint.within];
  }
}

function literalEntities(json: CedarJson): EntityRef[] {
  const node = nodeOf(json);
  if (node === undefined) return [];
  if (node.operator !== 'Value') return operandsOf(node).flatMap(literalEntities);
  if (typeof node.body !== 'object' || !('__entity' in node.body)) return [];
  const { type, id } = asObject((node.body as { __entity: CedarJson }).__entity);
  return typeof type === 'string' && typeof id === 'string' ? [{ type, id }] : [];
}

/** Of servers that nobody has read: what policies name, and one that stands for the rest. */
function unregistered(
  type: 'Tool' | 'Prompt',
  named: readonly EntityRef[],
  servers: readonly string[],
  registered: Registered,
): string[] {
  const unread = servers.filter((server) => !registered.servers.has(server));
  const known = idsOf(named, type).filter(
    (id) => id.includes('/') && unread.some((server) => id.startsWith(`${server}/`)),
  );
  const rest = unread.map((server) => `${server}/another-${type.toLowerCase()}`);
  const nowhere = servers.length === 0 ? [`another-server/another-${type.toLowerCase()}`] : [];
  return [...new Set([...known, ...rest, ...nowhere])];
}

/** What servers that nobody has read would offer, as far as policies tell. */
function guessedCatalogs(
  policies: readonly PolicySource[],
  named: readonly EntityRef[],
  servers: readonly string[],
  registered: Registered,
): ServerCatalog[] {
  const ids = (type: 'Tool' | 'Prompt') => unregistered(type, named, servers, registered);
  const [tools, prompts] = [ids('Tool'), ids('Prompt')];
  const places = new Set([...tools, ...prompts].map((id) => id.slice(0, id.indexOf('/'))));
  return [...places].map((server) => {
    const of = (all: readonly string[]) => all.filter((id) => id.startsWith(`${server}/`));
    const nameOf = (id: string) => id.slice(server.length + 1);
    return {
      server,
      tools: of(tools).map((id) => {
        const inputSchema = schemaOf(inferred(policies, 'Tool', id));
        return { server, name: nameOf(id), inputSchema, raw: {} };
      }),
      prompts: of(prompts).map((id) => {
        const names = [...inferred(policies, 'Prompt', id).fields.keys()];
        return { server, name: nameOf(id), raw: { arguments: names.map((name) => ({ name })) } };
      }),
      resources: [],
      templates: [],
      digest: '',
    };
  });
}

function schemaOf(type: ArgumentType): JsonObject {
  switch (type.kind) {
    case 'string':
    case 'boolean':
      return { type: type.kind };
    case 'long':
      return { type: 'integer' };
    case 'decimal':
      return { type: 'number' };
    case 'set':
      return { type: 'array', items: schemaOf(type.element) };
    case 'record': {
      const properties = [...type.fields].map(([name, field]): [string, JsonObject] => [name, schemaOf(field.type)]);
      return { type: 'object', properties: Object.fromEntries(properties) };
    }
    case 'opaque':
      return {};
  }
}

/** Addresses that patterns of policies are about; a resource may be read at more addresses than are listed. */
function addresses(policies: readonly PolicySource[], servers: readonly string[]): string[] {
  const texts = policies.filter(readsAddress).flatMap((policy) => conditionsOf(policy).flatMap(addressesIn));
  return servers.flatMap((server) => ['another://address', ...texts].map((uri) => `${server}/${uri}`)).slice(0, 200);
}

function readsAddress(policy: PolicySource): boolean {
  return actionsOf(policy).some((action) => ACTIONS[action]?.resources.includes('Resource'));
}

function addressesIn(json: CedarJson): string[] {
  return atomsOf(json).flatMap((atom) => {
    if (!chainsIn(atom).some(({ root, names }) => root === 'resource' && names[0] === 'uri')) return [];
    const pattern = asObject(nodeOf(atom)?.body ?? {})['pattern'];
    if (!Array.isArray(pattern)) return stringsIn(atom);
    const fill = (by: string): string =>
      pattern
        .map((element: CedarJson) => (element === 'Wildcard' ? by : String(asObject(element)['Literal'] ?? '')))
        .join('');
    return [fill(''), fill('x')];
  });
}

function stringsIn(json: CedarJson): string[] {
  const node = nodeOf(json);
  if (node === undefined) return [];
  if (node.operator === 'Value') return typeof node.body === 'string' ? [node.body] : [];
  return operandsOf(node).flatMap(stringsIn);
}

/** Argument types out of what policies do with them, where no server has declared any. */
function inferred(policies: readonly PolicySource[], type: 'Tool' | 'Prompt', id: string): ArgumentRecord {
  const action = type === 'Tool' ? 'tool.call' : 'prompt.get';
  const fields = new Map<string, ArgumentField>();
  for (const policy of policies) {
    if (!actionsOf(policy).includes(action) || !mayReach(policy, type, id)) continue;
    for (const atom of conditionsOf(policy).flatMap(atomsOf)) {
      for (const { root, names, asked } of chainsIn(atom)) {
        if (root === 'context' && names[0] === 'args')
          declare(fields, names.slice(1), asked ? undefined : typeIn(atom));
      }
    }
  }
  return { kind: 'record', fields, open: false };
}

function mayReach(policy: PolicySource, type: string, id: string): boolean {
  const constraint = readConstraint(policy.json.resource as CedarJson);
  if (constraint.kind === 'equals') return constraint.entity.type === type && constraint.entity.id === id;
  const servers = entitiesOf(constraint);
  return servers.length === 0 || servers.some((server) => id.startsWith(`${server.id}/`));
}

const TEXT: ArgumentType = { kind: 'string' };

function declare(
  fields: Map<string, ArgumentField>,
  [name, ...rest]: readonly string[],
  type: ArgumentType | undefined,
): void {
  if (name === undefined) return;
  const known = fields.get(name);
  if (rest.length === 0) {
    // What is only asked for may be anything; a use tells more.
    if (known === undefined || (type !== undefined && isGuess(known))) {
      fields.set(name, { type: type ?? GUESS, required: false, nullable: false });
    }
    return;
  }
  const record = known?.type.kind === 'record' ? known.type : undefined;
  const inside = new Map(record?.fields ?? []);
  declare(inside, rest, type);
  fields.set(name, { type: { kind: 'record', fields: inside, open: false }, required: false, nullable: false });
}

const GUESS: ArgumentType = { kind: 'string' };

function isGuess({ type }: ArgumentField): boolean {
  return type === GUESS;
}

/** By the operator that the argument stands under, and by what it is compared with. */
function typeIn(atom: CedarJson): ArgumentType {
  const node = nodeOf(atom);
  if (node === undefined) return TEXT;
  if (node.operator === '.') return { kind: 'boolean' };
  const literal = scalarIn(atom);
  if (['containsAll', 'containsAny', 'isEmpty'].includes(node.operator)) return { kind: 'set', element: literal };
  if (node.operator === 'contains') {
    const [holder] = operandsOf(node);
    const inArgument = holder !== undefined && chainsIn(holder).length > 0;
    return inArgument ? { kind: 'set', element: literal } : literal;
  }
  if (['lessThan', 'lessThanOrEqual', 'greaterThan', 'greaterThanOrEqual'].includes(node.operator)) {
    return { kind: 'decimal' };
  }
  return literal;
}

function scalarIn(json: CedarJson): ArgumentType {
  const text = JSON.stringify(json);
  if (/"(?:ip|datetime|duration)":\[/.test(text)) return TEXT;
  if (/"decimal":\[\{"Value"/.test(text)) return { kind: 'decimal' };
  const literals = literalScalars(json);
  if (literals.some((value) => typeof value === 'number')) return { kind: 'long' };
  return literals.some((value) => typeof value === 'boolean') ? { kind: 'boolean' } : TEXT;
}

function literalScalars(json: CedarJson): CedarJson[] {
  const node = nodeOf(json);
  if (node === undefined) return [];
  return node.operator === 'Value' ? [node.body] : operandsOf(node).flatMap(literalScalars);
}

/** Every combination of who, what and on what. */
export function* cellsOf(world: World): Generator<{ cell: Cell; schema: JsonObject | undefined }> {
  for (const [action, row] of Object.entries(ACTIONS)) {
    if (row.principals.includes('Tool')) {
      for (const server of world.servers) {
        for (const agent of world.agents) {
          const resource = { type: 'Agent', id: agent.id };
          const principal = { type: 'Tool', id: server } as const;
          yield { cell: { principal, agent, action, resource, args: NOTHING, registered: true }, schema: undefined };
        }
      }
      continue;
    }
    for (const type of row.resources) {
      for (const { id, args, schema, registered } of world.resources.get(type) ?? []) {
        for (const agent of world.agents) {
          const principal = { type: 'Agent', id: agent.id } as const;
          yield { cell: { principal, agent, action, resource: { type, id }, args, registered }, schema };
        }
      }
    }
  }
}
