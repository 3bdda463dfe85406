import type { JsonObject } from '../../../core/json.ts';
import type { EntityFacts, EntityStore, Environment } from '../cedar/environment.ts';
import { CedarRecord, Entity } from '../cedar/values.ts';
import { combine } from '../combine.ts';
import type { PolicySet } from '../policy-set.ts';
import { actionEntity, type Entities } from './entities.ts';
import type { Named, Question, Verdict } from './question.ts';
import { attributesOf, recordOf } from './values.ts';

/** One state of the folder: policies and entities that were valid together. */
export type Application = { set: PolicySet; entities: Entities };

/** Names that Cedar can take for an entity type; nothing else has a policy, so nothing else is permitted. */
const TYPE = /^[A-Za-z_][A-Za-z0-9_]*(?:::[A-Za-z_][A-Za-z0-9_]*)*$/;
const NOWHERE: ReadonlySet<string> = new Set();
const NO_FACTS: EntityFacts = { attributes: new Map(), tags: new Map(), ancestors: NOWHERE };

/** Policies look at `context.action` (the action's properties) and `context.request` (the question's context). */
export function evaluateQuestion({ set, entities }: Application, question: Question): Verdict {
  const { subject, action, resource, context } = question;
  if (!TYPE.test(subject.type) || !TYPE.test(resource.type)) {
    return { decision: false, policies: [], reason: 'a type that no policy can name', public: undefined };
  }
  const environment: Environment = {
    principal: new Entity(subject.type, subject.id),
    action: actionEntity(action.name),
    resource: new Entity(resource.type, resource.id),
    context: contextOf(action.properties, context),
    entities: withProperties(entities, [subject, resource]),
  };
  const decision = combine(set.evaluate(environment, []), set.digest);
  const shown = [...decision.notes.flatMap((note) => note.public ?? []), ...decision.hints].join(' ');
  return {
    decision: decision.effect === 'permit',
    policies: decision.policies,
    reason: decision.summary,
    public: shown === '' ? undefined : shown,
  };
}

function contextOf(action: JsonObject, request: JsonObject): CedarRecord {
  const parts = { action: recordOf(action), request: recordOf(request) };
  return new CedarRecord(new Map(Object.entries(parts)), parts.action.hidden ?? parts.request.hidden);
}

/** What the question says of an entity stands over what is known of it, property by property. */
function withProperties(entities: Entities, named: readonly Named[]): EntityStore {
  const given = new Map<string, EntityFacts>();
  for (const { type, id, properties } of named) {
    const entity = new Entity(type, id);
    const known = given.get(entity.key) ?? entities.find(entity);
    if (known === undefined && Object.keys(properties).length === 0) continue;
    const { attributes, tags, ancestors } = known ?? NO_FACTS;
    given.set(entity.key, { attributes: new Map([...attributes, ...attributesOf(properties)]), tags, ancestors });
  }
  return {
    find: (entity) => given.get(entity.key) ?? entities.find(entity),
    // Only cedar-wasm asks for all of them, and it is not asked: what closures cannot run does not load.
    list: () => [],
  };
}
