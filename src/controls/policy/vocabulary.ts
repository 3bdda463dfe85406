import type { TypeVariant } from './cedar-schema.ts';

/**
 * What policies can talk about, one row per action. Protocols name their accesses by it; a policy that names anything else
 * does not load. `args` are the arguments that an action has by itself; those of tools and prompts come from the catalog.
 */
export type ActionRow = {
  protocol: string;
  principals: readonly string[];
  resources: readonly string[];
  /** Optional arguments that policy can read. `catalog`: declared by the tool or prompt that is the resource. */
  args: 'catalog' | Readonly<Record<string, TypeVariant>>;
};

const STRING: TypeVariant = { type: 'String' };
const LONG: TypeVariant = { type: 'Long' };
const AGENT = ['Agent'];

export const ACTIONS: Readonly<Record<string, ActionRow>> = {
  'tool.call': { protocol: 'mcp', principals: AGENT, resources: ['Tool'], args: 'catalog' },
  'prompt.get': { protocol: 'mcp', principals: AGENT, resources: ['Prompt'], args: 'catalog' },
  'resource.read': { protocol: 'mcp', principals: AGENT, resources: ['Resource'], args: {} },
  'resource.subscribe': { protocol: 'mcp', principals: AGENT, resources: ['Resource'], args: {} },
  'completion.complete': {
    protocol: 'mcp',
    principals: AGENT,
    resources: ['Prompt', 'Resource', 'Server'],
    args: { argument: STRING, value: STRING },
  },
  'log.set_level': { protocol: 'mcp', principals: AGENT, resources: ['Server'], args: { level: STRING } },
  'server.discover': { protocol: 'mcp', principals: AGENT, resources: ['Server'], args: {} },
  // Requests of an upstream to the agent: the tool's server is the principal, the agent is what it reaches for.
  'sampling.create': {
    protocol: 'mcp',
    principals: ['Tool'],
    resources: AGENT,
    args: { maxTokens: LONG, systemPrompt: STRING, includeContext: STRING },
  },
  'elicitation.create': {
    protocol: 'mcp',
    principals: ['Tool'],
    resources: AGENT,
    args: { mode: STRING, message: STRING, url: STRING },
  },
  'roots.list': { protocol: 'mcp', principals: ['Tool'], resources: AGENT, args: {} },
};

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
