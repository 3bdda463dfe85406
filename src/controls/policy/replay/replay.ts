import type { Decision, DecisionRequest, DenialCode } from '../../../core/decision.ts';
import type { EntityRef } from '../../../core/principal.ts';
import { ArgumentsInvalid, mapArguments } from '../argument-values.ts';
import { type Registered, registerCatalogs } from '../catalog.ts';
import type { Environment } from '../cedar/environment.ts';
import { combine, invalidArguments, type LoadedOutcome } from '../combine.ts';
import { hopThatLacks, notLent } from '../delegated.ts';
import { discovered } from '../discovery.ts';
import { createEntityCache, environmentOf, type KnownEntity, requesterOf } from '../environment.ts';
import { clausesBehind } from '../explain/trace.ts';
import type { PastGrants } from '../life/past-grants.ts';
import { beside } from '../life/rules.ts';
import type { PolicySet } from '../policy-set.ts';
import type { RecordedDecision, RegisteredThen } from '../recorded.ts';

/** What a set says of an exchange as a whole. */
export type Replayed = {
  effect: Decision['effect'];
  code: DenialCode | undefined;
  policies: readonly string[];
  errors: readonly string[];
  /** One for each access, in order. */
  decisions: readonly Decision[];
};

export interface Replay {
  readonly set: string;
  decide(recorded: RecordedDecision): Replayed;
  /** For the operator: which policies, and the clauses with the values that they saw. Slower, and as secret as arguments. */
  why(recorded: RecordedDecision): string;
}

const DEFINITIONS_MAX = 5_000;

/**
 * Makes recorded decisions again by a set of policies, with the arguments mapped as they were then: what servers offer now
 * has no part in it, and what was given to an agent for a while then has (`grants`). Nothing is sampled against cedar-wasm.
 */
export function createReplay(set: PolicySet, grants?: PastGrants): Replay {
  const deciding: Deciding = { set, grants, entityOf: createEntityCache(), registered: new RegisteredCache() };
  return {
    set: set.digest,
    decide: (recorded) =>
      together(requestsOf(recorded).map((request) => decided(deciding, recorded, request).decision)),
    why(recorded) {
      const each = requestsOf(recorded).map((request) => decided(deciding, recorded, request));
      const { effect } = together(each.map(({ decision }) => decision));
      return explained(each.find(({ decision }) => decision.effect === effect));
    },
  };
}

type Deciding = {
  set: PolicySet;
  grants: PastGrants | undefined;
  entityOf: (reference: EntityRef) => KnownEntity;
  registered: RegisteredCache;
};
/** `seen`: undefined where no policy was asked. */
type Decided = {
  decision: Decision;
  seen: { outcomes: readonly LoadedOutcome[]; environment: Environment } | undefined;
};

function requestsOf({ request, accesses }: RecordedDecision): DecisionRequest[] {
  return accesses.map((access) => (access === request.access ? request : { ...request, access }));
}

function decided(deciding: Deciding, recorded: RecordedDecision, request: DecisionRequest): Decided {
  const rules = beside(deciding.set, deciding.grants?.at(recorded) ?? []);
  const found = decideAccess({ ...deciding, set: rules }, recorded.registered, request);
  return recorded.discovers ? { ...found, decision: discovered(found.decision) } : found;
}

function decideAccess(
  { set, entityOf, registered }: Deciding,
  then: RegisteredThen | undefined,
  { access, ...facts }: DecisionRequest,
): Decided {
  const lacking = hopThatLacks(facts, access);
  if (lacking !== undefined) return { decision: notLent(lacking, { ...facts, access }, set.digest), seen: undefined };
  const args = mapArguments(access.args, registered.of(then).argumentsOf(access.action, access.resource));
  if (args instanceof ArgumentsInvalid)
    return { decision: invalidArguments(args.message, set.digest), seen: undefined };
  const environment = environmentOf(requesterOf(facts, entityOf), access.action, entityOf(access.resource), args);
  const outcomes = set.evaluate(environment, args.unmapped);
  return { decision: combine(outcomes, set.digest), seen: { outcomes, environment } };
}

function explained(decided: Decided | undefined): string {
  if (decided === undefined) return '';
  const { decision, seen } = decided;
  if (seen === undefined || decision.effect === 'permit') return decision.summary;
  const clauses = clausesBehind(decision, seen.outcomes, seen.environment);
  return clauses === '' ? decision.summary : `${decision.summary}. ${clauses}`;
}

/** All must be permitted; what is denied is told by the first that is. */
export function together(decisions: readonly Decision[]): Replayed {
  const denied = decisions.find(({ effect }) => effect === 'deny');
  const isHeld = decisions.some(({ effect }) => effect === 'hold');
  return {
    effect: denied !== undefined ? 'deny' : isHeld ? 'hold' : 'permit',
    code: denied?.code,
    policies: unique(decisions.flatMap(({ policies }) => policies)),
    errors: unique(decisions.flatMap(({ errors }) => errors.map(({ policy }) => policy))),
    decisions,
  };
}

function unique(texts: readonly string[]): readonly string[] {
  return texts.length < 2 ? texts : [...new Set(texts)];
}

const NOTHING = registerCatalogs([]);

/** Definitions are few, and reading one costs more than a decision. */
class RegisteredCache {
  readonly #known = new Map<string, Registered>();

  of(then: RegisteredThen | undefined): Registered {
    if (then === undefined) return NOTHING;
    const { type, id } = then.resource;
    const key = JSON.stringify([type, id, then.digest, then.each]);
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const made = registeredBy(then);
    if (this.#known.size >= DEFINITIONS_MAX) this.#known.clear();
    this.#known.set(key, made);
    return made;
  }
}

/** Argument types as they were then; nothing else is registered in it. */
export function registeredBy({ resource, definition, each }: RegisteredThen): Registered {
  const slash = resource.id.indexOf('/');
  const [server, name] = [resource.id.slice(0, slash), resource.id.slice(slash + 1)];
  const { inputSchema } = definition;
  const isTool = resource.type === 'Tool' && typeof inputSchema === 'object' && !Array.isArray(inputSchema);
  const tools = isTool && inputSchema !== null ? [{ server, name, inputSchema, raw: definition }] : [];
  const prompts = resource.type === 'Prompt' ? [{ server, name, raw: definition }] : [];
  return registerCatalogs([{ server, tools, prompts, resources: [], templates: [], digest: '' }], () => each);
}
