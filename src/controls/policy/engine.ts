import type { Clock } from '../../core/clock.ts';
import type { Access, Decision, DecisionRequest } from '../../core/decision.ts';
import type { ServerCatalog } from '../../core/manifest.ts';
import { ArgumentsInvalid, type MappedArguments, mapArguments } from './argument-values.ts';
import { type Each, type Registered, registerCatalogs } from './catalog.ts';
import type { Environment } from './cedar/environment.ts';
import type { ListMemory } from './cedar/evaluator.ts';
import { MAY_BE_FALSE, MAY_BE_TRUE, maskOf, UNKNOWN } from './cedar/results.ts';
import { combine, invalidArguments, type LoadedOutcome, type LoadedPolicy } from './combine.ts';
import { hopThatLacks, notLent } from './delegated.ts';
import { createEntityCache, environmentOf, type RequestFacts, requesterOf } from './environment.ts';
import { clausesBehind, explainOutcomes } from './explain/trace.ts';
import type { PolicySet } from './policy-set.ts';
import { createSampler, type Sampler } from './sampler.ts';
import type { Disagreement, Explanation, PolicyEngine, PolicyListing } from './types.ts';

export type EngineOptions = {
  clock: Clock;
  /** Called once, after the engine has switched to cedar-wasm. Must not throw. */
  onDisagreement(disagreement: Disagreement): void;
  /** Told where a decision could not be compared. */
  report(problem: string, error: unknown): void;
  each?: Each;
};

/** The engine, with what only the life of policy sets may do to it. */
export interface Engine extends PolicyEngine {
  use(set: PolicySet): void;
  readonly registered: Registered;
  readonly evaluator: 'compiled' | 'cedar-wasm';
  list(): readonly PolicyListing[];
}

/** An agent chooses how much it sends, and cedar-wasm copies all of it. */
const SAMPLED_VALUES_MAX = 500;
/** Lists of as many runs are kept; beyond that they are made anew. */
const LISTS_MAX = 256;
const LIST_ENTRIES_MAX = 20_000;

export function createEngine(options: EngineOptions, first: PolicySet): Engine {
  return new CedarEngine(options, first);
}

class CedarEngine implements Engine {
  #set: PolicySet;
  #registered = registerCatalogs([]);
  #entityOf = createEntityCache();
  readonly #lists = new Map<string, Map<string, boolean>>();
  readonly #sampler: Sampler;
  readonly #each: Each | undefined;

  constructor(options: EngineOptions, first: PolicySet) {
    this.#set = first;
    this.#each = options.each;
    this.#sampler = createSampler(options);
  }

  get set(): string {
    return this.#set.digest;
  }
  get registered(): Registered {
    return this.#registered;
  }
  get evaluator(): 'compiled' | 'cedar-wasm' {
    return this.#sampler.disagreed ? 'cedar-wasm' : 'compiled';
  }

  list(): readonly PolicyListing[] {
    return this.#set.policies.map(listing);
  }

  use(set: PolicySet): void {
    const before = this.#set;
    this.#set = set;
    this.#lists.clear();
    if (before !== set) before.release();
  }

  useCatalog(catalogs: readonly ServerCatalog[]): void {
    this.#registered = registerCatalogs(catalogs, this.#each);
    this.#entityOf = createEntityCache();
    this.#lists.clear();
  }

  decide(request: DecisionRequest): Decision {
    const lacking = hopThatLacks(request, request.access);
    if (lacking !== undefined) return notLent(lacking, request, this.#set.digest);
    const prepared = this.#prepare(request);
    if (prepared instanceof ArgumentsInvalid) return invalidArguments(prepared.message, this.#set.digest);
    return this.#combine(this.#evaluate(prepared), prepared.environment);
  }

  #combine(outcomes: readonly LoadedOutcome[], environment: Environment): Decision {
    const decision = combine(outcomes, this.#set.digest);
    if (decision.effect !== 'deny') return decision;
    const clauses = clausesBehind(decision, outcomes, environment);
    return clauses === '' ? decision : { ...decision, summary: `${decision.summary}. ${clauses}` };
  }

  explain(request: DecisionRequest): Explanation {
    const lacking = hopThatLacks(request, request.access);
    if (lacking !== undefined) return { decision: notLent(lacking, request, this.#set.digest), policies: [] };
    const prepared = this.#prepare(request);
    if (prepared instanceof ArgumentsInvalid) {
      return { decision: invalidArguments(prepared.message, this.#set.digest), policies: [] };
    }
    const outcomes = this.#evaluate(prepared);
    const decision = this.#combine(outcomes, prepared.environment);
    return { decision, policies: explainOutcomes(outcomes, prepared.environment) };
  }

  visible(facts: RequestFacts, candidates: readonly Pick<Access, 'action' | 'resource'>[]): readonly boolean[] {
    const list = this.#listOf(facts);
    const requester = requesterOf(facts, this.#entityOf);
    const memory: ListMemory = new Map();
    return candidates.map(({ action, resource }) => {
      const key = `${action}\u0000${resource.type}\u0000${resource.id}`;
      const known = list.get(key);
      if (known !== undefined) return known;
      if (hopThatLacks(facts, { action, resource }) !== undefined) return false;
      const environment = environmentOf(requester, action, this.#entityOf(resource), undefined);
      const shown = mayBePermitted(this.#evaluateListed(environment, memory));
      if (list.size >= LIST_ENTRIES_MAX) list.clear();
      list.set(key, shown);
      return shown;
    });
  }

  #prepare({ access, ...facts }: DecisionRequest): Prepared | ArgumentsInvalid {
    const args = mapArguments(access.args, this.#registered.argumentsOf(access.action, access.resource));
    if (args instanceof ArgumentsInvalid) return args;
    const requester = requesterOf(facts, this.#entityOf);
    return { args, environment: environmentOf(requester, access.action, this.#entityOf(access.resource), args) };
  }

  #evaluate({ environment, args }: Prepared): LoadedOutcome[] {
    if (this.#sampler.disagreed) return this.#set.evaluateByReference(environment, args.unmapped);
    const outcomes = this.#set.evaluate(environment, args.unmapped);
    if (args.record.hidden === undefined && args.values <= SAMPLED_VALUES_MAX)
      this.#sampler.consider(this.#set, environment, outcomes);
    return outcomes;
  }

  /** Where closures are not trusted any more, conditions count as unknown: lists show more, calls are decided all the same. */
  #evaluateListed(environment: Environment, memory: ListMemory): LoadedOutcome[] {
    const outcomes = this.#set.evaluateListed(environment, memory);
    return this.#sampler.disagreed ? outcomes.map(({ policy }) => ({ policy, result: UNKNOWN })) : outcomes;
  }

  #listOf({ principal, agent, credential, run, protocol }: RequestFacts): Map<string, boolean> {
    const key = JSON.stringify([
      [principal.type, principal.id],
      [agent.id, agent.owner, agent.version, agent.jobs],
      [run.id, run.job, run.opened_by, run.purpose, run.subject?.id, run.subject?.name, run.chain, run.scopes],
      [credential.kind, protocol],
    ]);
    const list = this.#lists.get(key) ?? new Map<string, boolean>();
    if (!this.#lists.has(key) && this.#lists.size >= LISTS_MAX) this.#lists.clear();
    this.#lists.set(key, list);
    return list;
  }
}

function listing({ source, note, conjuncts }: LoadedPolicy): PolicyListing {
  const { id, effect, file, line, annotations } = source;
  return {
    id,
    effect,
    file,
    line,
    annotations,
    reason: note.reason,
    public: note.public,
    text: source.text,
    compiled: conjuncts !== undefined,
  };
}

type Prepared = { environment: Environment; args: MappedArguments };

/** Not certainly denied: some permit may hold, and no plain forbid certainly holds or fails. */
function mayBePermitted(outcomes: readonly LoadedOutcome[]): boolean {
  let permitted = false;
  for (const { policy, result } of outcomes) {
    const mask = maskOf(result);
    if (policy.role === 'permit') permitted ||= (mask & MAY_BE_TRUE) !== 0;
    if (policy.role === 'forbid' && (mask & MAY_BE_FALSE) === 0) return false;
    // One that asks for approval denies only where it certainly fails.
    if (policy.role === 'approve' && (mask & (MAY_BE_FALSE | MAY_BE_TRUE)) === 0) return false;
  }
  return permitted;
}
