import type { Access, Decision, DecisionRequest, DenialCode } from '../../../core/decision.ts';
import { ArgumentsInvalid, mapArguments } from '../argument-values.ts';
import { type Registered, registerCatalogs } from '../catalog.ts';
import { combine, invalidArguments } from '../combine.ts';
import { hopThatLacks, notLent } from '../delegated.ts';
import { discovered } from '../discovery.ts';
import { createEntityCache, environmentOf, type KnownEntity, requesterOf } from '../environment.ts';
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
}

const DEFINITIONS_MAX = 5_000;

/**
 * Makes recorded decisions again by a set of policies, with the arguments mapped as they were then: what servers offer now
 * has no part in it. Nothing is sampled against cedar-wasm, and refusals are not explained.
 */
export function createReplay(set: PolicySet): Replay {
  const entityOf = createEntityCache();
  const registered = new RegisteredCache();
  return {
    set: set.digest,
    decide(recorded) {
      const known = registered.of(recorded.registered);
      const decisions = recorded.accesses.map((access) => {
        const request = access === recorded.request.access ? recorded.request : { ...recorded.request, access };
        const decision = decideAccess(set, known, entityOf, request);
        return recorded.discovers ? discovered(decision) : decision;
      });
      return together(decisions);
    },
  };
}

type EntityOf = (reference: Access['resource']) => KnownEntity;

function decideAccess(set: PolicySet, registered: Registered, entityOf: EntityOf, request: DecisionRequest): Decision {
  const { access, ...facts } = request;
  const lacking = hopThatLacks(request, access);
  if (lacking !== undefined) return notLent(lacking, request, set.digest);
  const args = mapArguments(access.args, registered.argumentsOf(access.action, access.resource));
  if (args instanceof ArgumentsInvalid) return invalidArguments(args.message, set.digest);
  const environment = environmentOf(requesterOf(facts, entityOf), access.action, entityOf(access.resource), args);
  return combine(set.evaluate(environment, args.unmapped), set.digest);
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
