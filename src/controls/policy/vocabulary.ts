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

/** What may be asked of the gateway as a policy decision point (AuthZEN): about whom, is in the question. */
function asked(): ActionRow {
  return { protocol: 'authzen', principals: AGENT, resources: ['DecisionPoint'], args: 'none' };
}

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
  'access.evaluate': asked(),
  'access.search': asked(),
};

type Attribute = TypeVariant & { required?: boolean };

const STRING: TypeVariant = { type: 'String' };
const LONG: TypeVariant = { type: 'Long' };
const SET_OF_STRINGS: TypeVariant = { type: 'Set', element: STRING };

/** Attributes of entities. All are always there, so policies need no `has` for them. */
export const ENTITY_SHAPES: Readonly<Record<string, Readonly<Record<string, TypeVariant>>>> = {
  Agent: { owner: STRING, version: STRING, jobs: SET_OF_STRINGS },
  Server: { name: STRING },
  Tool: { server: STRING, name: STRING },
  Resource: { server: STRING, uri: STRING },
  Prompt: { server: STRING, name: STRING },
  DecisionPoint: {},
};

/** Types whose entities are `in Server::"<server>"`. */
export const SERVED_TYPES: readonly string[] = ['Tool', 'Resource', 'Prompt'];

/**
 * `context`, beside `args`. A run has a purpose and a subject only where they were granted: `context.run has subject`.
 * `chain` is the whole delegation, outermost actor included; a permit may not read it (RFC 8693, section 4.1).
 */
export const CONTEXT_SHAPE: Readonly<Record<string, TypeVariant>> = {
  nulls: SET_OF_STRINGS,
  unmapped: SET_OF_STRINGS,
  run: record({
    id: STRING,
    job: STRING,
    opened_by: STRING,
    purpose: optional(STRING),
    subject: optional(record({ id: STRING, name: STRING })),
  }),
  chain: record({ depth: LONG, actors: SET_OF_STRINGS }),
  credential: record({ kind: STRING }),
  protocol: STRING,
};

function optional(type: TypeVariant): Attribute {
  return { ...type, required: false };
}

function record(attributes: Record<string, Attribute>): TypeVariant {
  return { type: 'Record', attributes };
}

/** A file name that no folder has: ids of policies in it begin with `grant:`, which no policy of a set may. */
export const GRANTS_FILE = 'grant';

/** Ids that decisions name and that no policy may take. */
export const DEFAULT_DENY = 'default-deny';
export const ARGUMENT_CHECK = 'argument-check';
export const DELEGATION_SCOPE = 'delegation-scope';
/** The rule that lets an agent ask what there is: the answer shows only what it may use, and a `forbid` still counts. */
export const LIST_WHAT_YOU_MAY_USE = 'list-what-you-may-use';
export const RESERVED_IDS: readonly string[] = [DEFAULT_DENY, ARGUMENT_CHECK, DELEGATION_SCOPE, LIST_WHAT_YOU_MAY_USE];

/**
 * Annotations that each protocol's column of the pipeline can carry out. `id`, `reason` and `public` describe, and
 * `evidence` names the receipts of the calls that a permit was learnt from; `approve`
 * ends in a hold; `shadow` is recorded. Masks, limits, validators and row filters join with the stages that do them.
 */
export const FULFILLABLE: Readonly<Record<string, readonly string[]>> = {
  mcp: ['id', 'reason', 'public', 'evidence', 'approve', 'shadow'],
  authzen: ['id', 'reason', 'public', 'evidence', 'approve', 'shadow'],
};
