import type { TypeVariant } from './cedar-schema.ts';

/**
 * What policies can talk about, one row per action. Protocols name their accesses by it; a policy that names anything else
 * does not load. Arguments that policy can read are those that a tool or a prompt declares in its catalog.
 */
export type ActionRow = {
  protocol: string;
  principals: readonly string[];
  resources: readonly string[];
  args: 'declared' | 'none';
};

const AGENT = ['Agent'];

function mcp(principals: readonly string[], resources: readonly string[], args: ActionRow['args'] = 'none'): ActionRow {
  return { protocol: 'mcp', principals, resources, args };
}

export const ACTIONS: Readonly<Record<string, ActionRow>> = {
  'tool.call': mcp(AGENT, ['Tool'], 'declared'),
  'prompt.get': mcp(AGENT, ['Prompt'], 'declared'),
  'resource.read': mcp(AGENT, ['Resource']),
  'resource.subscribe': mcp(AGENT, ['Resource']),
  'completion.complete': mcp(AGENT, ['Server']),
  'log.set_level': mcp(AGENT, ['Server']),
  'server.discover': mcp(AGENT, ['Server']),
  // Requests of an upstream to the agent: the tool's server is the principal, the agent is what it reaches for.
  'sampling.create': mcp(['Tool'], AGENT),
  'elicitation.create': mcp(['Tool'], AGENT),
  'roots.list': mcp(['Tool'], AGENT),
};

const STRING: TypeVariant = { type: 'String' };
const SET_OF_STRINGS: TypeVariant = { type: 'Set', element: STRING };

/** Attributes of entities. All are always there, so policies need no `has` for them. */
export const ENTITY_SHAPES: Readonly<Record<string, Readonly<Record<string, TypeVariant>>>> = {
  Agent: { owner: STRING, version: STRING, jobs: SET_OF_STRINGS },
  Server: { name: STRING },
  Tool: { server: STRING, name: STRING },
  Resource: { server: STRING, uri: STRING },
  Prompt: { server: STRING, name: STRING },
};

/** Types whose entities are `in Server::"<server>"`. */
export const SERVED_TYPES: readonly string[] = ['Tool', 'Resource', 'Prompt'];

/** `context`, beside `args`. */
export const CONTEXT_SHAPE: Readonly<Record<string, TypeVariant>> = {
  nulls: SET_OF_STRINGS,
  unmapped: SET_OF_STRINGS,
  run: record({ id: STRING, job: STRING, opened_by: STRING }),
  credential: record({ kind: STRING }),
  protocol: STRING,
};

function record(attributes: Record<string, TypeVariant>): TypeVariant {
  return { type: 'Record', attributes };
}

/** Ids that decisions name and that no policy may take. */
export const DEFAULT_DENY = 'default-deny';
export const ARGUMENT_CHECK = 'argument-check';
export const RESERVED_IDS: readonly string[] = [DEFAULT_DENY, ARGUMENT_CHECK, 'list-what-you-may-use'];

/**
 * Annotations that each protocol's column of the pipeline can carry out. `id`, `reason` and `public` describe; `approve`
 * ends in a hold; `shadow` is recorded. Masks, limits, validators and row filters join with the stages that do them.
 */
export const FULFILLABLE: Readonly<Record<string, readonly string[]>> = {
  mcp: ['id', 'reason', 'public', 'approve', 'shadow'],
};
