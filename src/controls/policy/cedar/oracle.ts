import * as cedar from '@cedar-policy/cedar-wasm/nodejs';
import type { EntityFacts, Environment } from './environment.ts';
import { fieldsToJson } from './json-values.ts';
import { CedarRecord, type Entity, entityOfKey } from './values.ts';

type OracleRequest = Omit<cedar.StatefulAuthorizationCall, 'preparsedPolicySetId'>;

export type OracleOutcome = { satisfied: ReadonlySet<string>; errors: ReadonlyMap<string, string> };

export interface Oracle {
  /** @throws where cedar-wasm does not accept the request: an answer that is not one must not look like a deny. */
  evaluate(environment: Environment): OracleOutcome;
}

type Part = { id: string; text: string; effect: 'permit' | 'forbid' };

let sets = 0;

/**
 * cedar-wasm, the reference. It names satisfied permits only where no forbid is satisfied, so permits and forbids are two
 * sets here and both questions are always answered. Preparsed sets cannot be given back: `release` empties them.
 */
export function createOracle(policies: readonly Part[]): Oracle & { release(): void } {
  sets += 1;
  const names = { permit: `sallyport-${sets}-permit`, forbid: `sallyport-${sets}-forbid` };
  const effects = (['permit', 'forbid'] as const).filter((effect) => policies.some((part) => part.effect === effect));
  for (const effect of effects) {
    const texts = policies.filter((part) => part.effect === effect).map((part) => [part.id, part.text] as const);
    prepare(names[effect], Object.fromEntries(texts));
  }
  return {
    evaluate: (environment) => {
      const request = oracleRequest(environment);
      const satisfied = new Set<string>();
      const errors = new Map<string, string>();
      for (const effect of effects) ask(names[effect], request, satisfied, errors);
      return { satisfied, errors };
    },
    release: () => {
      for (const effect of effects) prepare(names[effect], {});
    },
  };
}

function oracleRequest({ principal, action, resource, context, entities }: Environment): OracleRequest {
  if (!(context instanceof CedarRecord)) throw new Error('cedar-wasm cannot be asked about an unknown context');
  return {
    principal: uid(principal),
    action: uid(action),
    resource: uid(resource),
    context: fieldsToJson(context.fields) as cedar.Context,
    entities: [...entities.list()].map(([entity, facts]) => entityJson(entity, facts)),
  };
}

const uid = ({ type, id }: Entity): cedar.TypeAndId => ({ type, id });

function entityJson(entity: Entity, facts: EntityFacts): cedar.EntityJson {
  return {
    uid: uid(entity),
    attrs: fieldsToJson(facts.attributes) as cedar.EntityJson['attrs'],
    tags: fieldsToJson(facts.tags) as cedar.EntityJson['attrs'],
    parents: [...facts.ancestors].map((key) => uid(entityOfKey(key))),
  };
}

function prepare(name: string, staticPolicies: Record<string, string>): void {
  const answer = cedar.preparsePolicySet(name, { staticPolicies });
  if (answer.type === 'failure') throw new Error(answer.errors.map((error) => error.message).join('; '));
}

function ask(name: string, request: OracleRequest, satisfied: Set<string>, errors: Map<string, string>): void {
  const answer = cedar.statefulIsAuthorized({ ...request, preparsedPolicySetId: name });
  if (answer.type === 'failure') throw new Error(answer.errors.map((error) => error.message).join('; '));
  for (const id of answer.response.diagnostics.reason) satisfied.add(id);
  for (const { policyId, error } of answer.response.diagnostics.errors) errors.set(policyId, error.message);
}
