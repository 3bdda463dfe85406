import type { DecisionRequest } from '../../core/decision.ts';
import type { AgentFacts, CredentialKind, EntityRef, Run } from '../../core/principal.ts';
import type { MappedArguments } from './argument-values.ts';
import type { EntityFacts, EntityStore, Environment } from './cedar/environment.ts';
import { type Result, UNKNOWN } from './cedar/results.ts';
import { CedarRecord, CedarSet, Entity, type Value } from './cedar/values.ts';
import { SERVED_TYPES } from './vocabulary.ts';

/**
 * A request as Cedar sees it. Entities are the principal, the resource and its server, and nothing else: a policy cannot
 * look at what the request does not concern.
 */
export type RequestFacts = Omit<DecisionRequest, 'access'>;

const NONE: ReadonlyMap<string, Value> = new Map();
const NOWHERE: ReadonlySet<string> = new Set();

export type KnownEntity = {
  readonly entity: Entity;
  readonly facts: EntityFacts;
  readonly server: KnownEntity | undefined;
};

/** Keeps the entities of resources that it has seen, up to a bound: the names are the agents' to invent. */
export function createEntityCache(size_max = 10_000): (reference: EntityRef) => KnownEntity {
  const known = new Map<string, KnownEntity>();
  return (reference) => {
    const key = `${reference.type}\u0000${reference.id}`;
    let found = known.get(key);
    if (found === undefined) {
      if (known.size >= size_max) known.clear();
      found = resourceEntity(reference);
      known.set(key, found);
    }
    return found;
  };
}

/** `Tool::"github/create_issue"` is `in Server::"github"`; so is `Tool::"github"`, the server as a principal. */
function resourceEntity({ type, id }: EntityRef): KnownEntity {
  const entity = new Entity(type, id);
  if (type === 'Server') return { entity, facts: entityFacts([['name', id]]), server: undefined };
  if (!SERVED_TYPES.includes(type)) return { entity, facts: entityFacts([]), server: undefined };
  const slash = id.indexOf('/');
  const name = slash < 0 ? id : id.slice(0, slash);
  const server = resourceEntity({ type: 'Server', id: name });
  const rest = type === 'Resource' ? 'uri' : 'name';
  const facts = entityFacts(
    [
      ['server', name],
      [rest, slash < 0 ? '' : id.slice(slash + 1)],
    ],
    server.entity,
  );
  return { entity, facts, server };
}

function entityFacts(attributes: readonly (readonly [string, Value])[], parent?: Entity): EntityFacts {
  const ancestors = parent === undefined ? NOWHERE : new Set([parent.key]);
  return { attributes: new Map(attributes), tags: NONE, ancestors };
}

/** Most policies look at an agent's name only, so its attributes are put together when one looks further. */
class AgentEntity implements KnownEntity {
  readonly entity: Entity;
  readonly server = undefined;
  readonly #agent: AgentFacts;
  #facts: EntityFacts | undefined;

  constructor(agent: AgentFacts) {
    this.entity = new Entity('Agent', agent.id);
    this.#agent = agent;
  }
  get facts(): EntityFacts {
    const { owner, version, jobs } = this.#agent;
    this.#facts ??= entityFacts([
      ['owner', owner],
      ['version', version],
      ['jobs', new CedarSet(jobs)],
    ]);
    return this.#facts;
  }
}

const RUNS = new WeakMap<Run, CedarRecord>();
const CREDENTIALS = new Map<CredentialKind, CedarRecord>();

/** A run never changes in what policy sees of it. */
function runRecord(run: Run): CedarRecord {
  const known = RUNS.get(run);
  if (known !== undefined) return known;
  const { id, job, opened_by, purpose, subject } = run;
  const fields = new Map<string, Value>(Object.entries({ id, job, opened_by }));
  if (purpose !== null) fields.set('purpose', purpose);
  if (subject !== null) fields.set('subject', new CedarRecord(new Map(Object.entries(subject))));
  const record = new CedarRecord(fields);
  RUNS.set(run, record);
  return record;
}

const NO_CHAIN = chainRecord([]);
const CHAINS = new WeakMap<Run['chain'], CedarRecord>();

/** All of a delegation's actors, for rules that forbid. */
function chainOf({ chain }: Run): CedarRecord {
  if (chain.length === 0) return NO_CHAIN;
  const record = CHAINS.get(chain) ?? chainRecord(chain);
  CHAINS.set(chain, record);
  return record;
}

function chainRecord(chain: Run['chain']): CedarRecord {
  const actors = new CedarSet([...new Set(chain.map(({ actor }) => actor))]);
  return new CedarRecord(new Map<string, Value>(Object.entries({ depth: chain.length, actors })));
}

function credentialRecord(kind: CredentialKind): CedarRecord {
  const record = CREDENTIALS.get(kind) ?? new CedarRecord(new Map([['kind', kind]]));
  CREDENTIALS.set(kind, record);
  return record;
}

class RequestEntities implements EntityStore {
  readonly #principal: KnownEntity;
  readonly #resource: KnownEntity;
  constructor(principal: KnownEntity, resource: KnownEntity) {
    this.#principal = principal;
    this.#resource = resource;
  }
  find(entity: Entity): EntityFacts | undefined {
    return factsIn(this.#principal, entity) ?? factsIn(this.#resource, entity);
  }
  list(): Iterable<readonly [Entity, EntityFacts]> {
    const all = [this.#principal, this.#principal.server, this.#resource, this.#resource.server];
    const known = all.filter((one) => one !== undefined);
    return new Map(known.map((one) => [one.entity.key, [one.entity, one.facts] as const])).values();
  }
}

function factsIn(known: KnownEntity, entity: Entity): EntityFacts | undefined {
  if (known.entity === entity || known.entity.key === entity.key) return known.facts;
  return known.server?.entity.key === entity.key ? known.server.facts : undefined;
}

const ACTION_ENTITIES = new Map<string, Entity>();

function actionEntity(action: string): Entity {
  const known = ACTION_ENTITIES.get(action);
  if (known !== undefined) return known;
  const entity = new Entity('Action', action);
  // Actions are the protocols' own words, a dozen; whatever else comes is not kept.
  if (ACTION_ENTITIES.size < 100) ACTION_ENTITIES.set(action, entity);
  return entity;
}

/** The part of a request that stays the same for all candidates of a list. */
export type Requester = {
  principal: KnownEntity;
  agent: KnownEntity;
  run: CedarRecord;
  chain: CedarRecord;
  credential: CedarRecord;
  protocol: string;
  /** The context with arguments unknown, made once for all candidates of a list. */
  unknown: CedarRecord | undefined;
};

export function requesterOf(facts: RequestFacts, entityOf: (reference: EntityRef) => KnownEntity): Requester {
  const agent = new AgentEntity(facts.agent);
  const { run, credential, principal } = facts;
  const isAgent = principal.type === 'Agent' && principal.id === facts.agent.id;
  return {
    principal: isAgent ? agent : entityOf(principal),
    agent,
    run: runRecord(run),
    chain: chainOf(run),
    credential: credentialRecord(credential.kind),
    protocol: facts.protocol,
    unknown: undefined,
  };
}

export function environmentOf(
  requester: Requester,
  action: string,
  resource: KnownEntity,
  args: MappedArguments | undefined,
): Environment {
  const reached = resource.entity.key === requester.agent.entity.key ? requester.agent : resource;
  return {
    principal: requester.principal.entity,
    action: actionEntity(action),
    resource: reached.entity,
    context: args === undefined ? unknownContext(requester) : contextOf(requester, args),
    entities: new RequestEntities(requester.principal, reached),
  };
}

const EMPTY_SET = new CedarSet([]);

function unknownContext(requester: Requester): CedarRecord {
  requester.unknown ??= contextOf(requester, undefined);
  return requester.unknown;
}

/** Without arguments (lists) everything that depends on them is unknown, and the rest is not. */
function contextOf(requester: Requester, args: MappedArguments | undefined): CedarRecord {
  const fields = new Map<string, Result>();
  fields.set('args', args?.record ?? UNKNOWN);
  fields.set('nulls', args === undefined ? UNKNOWN : setOf(args.nulls));
  fields.set('unmapped', args === undefined ? UNKNOWN : setOf(args.unmapped));
  fields.set('run', requester.run);
  fields.set('chain', requester.chain);
  fields.set('credential', requester.credential);
  fields.set('protocol', requester.protocol);
  return new CedarRecord(fields, args === undefined ? UNKNOWN : args.record.hidden);
}

function setOf(names: readonly string[]): CedarSet {
  return names.length === 0 ? EMPTY_SET : new CedarSet(names);
}
