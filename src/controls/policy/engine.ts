import type { Clock } from '../../core/clock.ts';
import type { Access, Decision, DecisionRequest } from '../../core/decision.ts';
import { LOWEST_LABEL } from '../../core/label.ts';
import type { ServerCatalog } from '../../core/manifest.ts';
import type { EntityRef } from '../../core/principal.ts';
import { ArgumentsInvalid, type MappedArguments, mapArguments } from './argument-values.ts';
import { type Each, type Registered, registerCatalogs } from './catalog.ts';
import type { Environment } from './cedar/environment.ts';
import type { ListMemory } from './cedar/evaluator.ts';
import { MAY_BE_FALSE, MAY_BE_TRUE, maskOf, UNKNOWN } from './cedar/results.ts';
import { scopeMatches } from './cedar/scope.ts';
import { combine, invalidArguments, type LoadedOutcome, type LoadedPolicy } from './combine.ts';
import { hopThatLacks, notLent } from './delegated.ts';
import { createEntityCache, environmentOf, type Requester, type RequestFacts, requesterOf } from './environment.ts';
import { clausesBehind, explainOutcomes } from './explain/trace.ts';
import { restsOn } from './life/grant-text.ts';
import { type Canary, createRules, type OpenGrant, type Rules, withoutEnded } from './life/rules.ts';
import type { PolicySet } from './policy-set.ts';
import { createSampler, type Sampler } from './sampler.ts';
import { askBeside } from './shadow/beside.ts';
import type { Disagreement, Explanation, Pinned, PolicyEngine, PolicyListing } from './types.ts';

export type EngineOptions = {
  clock: Clock;
  /** Called once, after the engine has switched to cedar-wasm. Must not throw. */
  onDisagreement(disagreement: Disagreement): void;
  /** Told where a decision could not be compared. */
  report(problem: string, error: unknown): void;
  each?: Each;
  /** The database's clock, by which temporary privilege ends. Without it nothing stands open. */
  now?(): number;
};

/** The engine, with what only the life of policy sets may do to it. */
export interface Engine extends PolicyEngine {
  /** Everything at once: nobody decides by one version's set and another's canary. */
  use(set: PolicySet, canary?: Canary, grants?: readonly OpenGrant[]): void;
  readonly registered: Registered;
  readonly catalogs: readonly ServerCatalog[];
  readonly evaluator: 'compiled' | 'cedar-wasm';
  list(): readonly PolicyListing[];
  /** What was given to the agent for a while. */
  openFor(agent: string): readonly OpenGrant[];
  /** Ids of prohibitions that may concern such a request of the agent's: their heads match, their conditions are not asked. */
  forbidding(agent: string, actions: readonly string[], resource: EntityRef): readonly string[];
  /** A set whose decisions are recorded beside those of the one that decides; undefined for none. */
  useBeside(set: PolicySet | undefined): void;
}

/** An agent chooses how much it sends, and cedar-wasm copies all of it. */
const SAMPLED_VALUES_MAX = 500;
/** Lists of as many runs are kept; beyond that they are made anew. */
const LISTS_MAX = 256;
const LIST_ENTRIES_MAX = 20_000;

export function createEngine(options: EngineOptions, first: PolicySet): Engine {
  return new CedarEngine(options, first);
}

/** Rules, and what lists have found by them: another version begins with an empty memory. */
type Standing = { readonly rules: Rules; readonly lists: Map<string, Map<string, boolean>> };

class CedarEngine implements Engine {
  #standing: Standing;
  #registered = registerCatalogs([]);
  #catalogs: readonly ServerCatalog[] = [];
  #entityOf = createEntityCache();
  #beside: PolicySet | undefined;
  readonly #sampler: Sampler;
  readonly #each: Each | undefined;
  readonly #now: () => number;
  readonly #changed = new Set<() => void>();

  constructor(options: EngineOptions, first: PolicySet) {
    this.#standing = standing(createRules(first));
    this.#now = options.now ?? (() => Number.POSITIVE_INFINITY);
    this.#each = options.each;
    this.#sampler = createSampler(options);
  }

  get set(): string {
    return this.#standing.rules.active.digest;
  }
  get registered(): Registered {
    return this.#registered;
  }
  get catalogs(): readonly ServerCatalog[] {
    return this.#catalogs;
  }
  get evaluator(): 'compiled' | 'cedar-wasm' {
    return this.#sampler.disagreed ? 'cedar-wasm' : 'compiled';
  }

  list(): readonly PolicyListing[] {
    return this.#standing.rules.active.policies.map(listing);
  }

  use(set: PolicySet, canary?: Canary, grants: readonly OpenGrant[] = []): void {
    const before = this.#standing.rules;
    this.#take(createRules(set, canary, grants));
    const kept = new Set(setsOf(this.#standing.rules));
    for (const old of setsOf(before)) if (!kept.has(old)) old.release();
  }

  useBeside(set: PolicySet | undefined): void {
    this.#beside = set;
  }

  #take(rules: Rules): void {
    this.#standing = standing(rules);
    for (const tell of this.#changed) tell();
  }

  /** What is in force now: temporary privilege ends by itself, to the millisecond. */
  #current(): Standing {
    const { until } = this.#standing.rules;
    if (until !== Number.POSITIVE_INFINITY) {
      const now = this.#now();
      if (until <= now) this.#take(withoutEnded(this.#standing.rules, now));
    }
    return this.#standing;
  }

  onChange(changed: () => void): () => void {
    const own = () => changed();
    this.#changed.add(own);
    return () => this.#changed.delete(own);
  }

  forbidding(agent: string, actions: readonly string[], resource: EntityRef): readonly string[] {
    const reached = this.#entityOf(resource);
    const environments = actions.map((action) => environmentOf(anyRunOf(agent), action, reached, undefined));
    return this.#current()
      .rules.setFor(agent)
      .policies.filter(({ role }) => role === 'forbid' || role === 'approve')
      .filter(({ scope }) => environments.some((environment) => scopeMatches(scope, environment)))
      .map(({ id }) => id);
  }

  openFor(agent: string): readonly OpenGrant[] {
    return this.#current().rules.grants.filter((grant) => grant.agent === agent);
  }

  setFor(agent: string): string {
    return this.#current().rules.setFor(agent).digest;
  }

  isOpen(grant: string): boolean {
    return this.#current().rules.grants.some(({ policy }) => policy === grant);
  }

  pinned(): Pinned {
    const now = this.#current();
    return {
      decide: (request) => this.#decide(now, request),
      visible: (facts, candidates) => this.#visible(now, facts, candidates),
    };
  }

  useCatalog(catalogs: readonly ServerCatalog[]): void {
    this.#catalogs = catalogs;
    this.#registered = registerCatalogs(catalogs, this.#each);
    this.#entityOf = createEntityCache();
    this.#standing.lists.clear();
  }

  decide(request: DecisionRequest): Decision {
    return this.#decide(this.#current(), request);
  }

  #decide({ rules }: Standing, request: DecisionRequest): Decision {
    const set = rules.setFor(request.agent.id);
    const lacking = hopThatLacks(request, request.access);
    if (lacking !== undefined) return notLent(lacking, request, set.digest);
    const prepared = this.#prepare(request);
    if (prepared instanceof ArgumentsInvalid) return invalidArguments(prepared.message, set.digest);
    const outcomes = this.#evaluate(set, prepared);
    const decision = restsOn(this.#combine(set, outcomes, prepared.environment), outcomes, rules.grants);
    if (this.#beside === undefined) return decision;
    return { ...decision, beside: askBeside(this.#beside, prepared.environment, prepared.args.unmapped) };
  }

  #combine(set: PolicySet, outcomes: readonly LoadedOutcome[], environment: Environment): Decision {
    const decision = combine(outcomes, set.digest);
    if (decision.effect !== 'deny') return decision;
    const clauses = clausesBehind(decision, outcomes, environment);
    return clauses === '' ? decision : { ...decision, summary: `${decision.summary}. ${clauses}` };
  }

  explain(request: DecisionRequest): Explanation {
    const set = this.#current().rules.setFor(request.agent.id);
    const lacking = hopThatLacks(request, request.access);
    if (lacking !== undefined) return { decision: notLent(lacking, request, set.digest), policies: [] };
    const prepared = this.#prepare(request);
    if (prepared instanceof ArgumentsInvalid) {
      return { decision: invalidArguments(prepared.message, set.digest), policies: [] };
    }
    const outcomes = this.#evaluate(set, prepared);
    const decision = this.#combine(set, outcomes, prepared.environment);
    return { decision, policies: explainOutcomes(outcomes, prepared.environment) };
  }

  visible(facts: RequestFacts, candidates: readonly Pick<Access, 'action' | 'resource'>[]): readonly boolean[] {
    return this.#visible(this.#current(), facts, candidates);
  }

  #visible(
    { rules, lists }: Standing,
    facts: RequestFacts,
    candidates: readonly Pick<Access, 'action' | 'resource'>[],
  ): readonly boolean[] {
    const list = listOf(lists, facts);
    const set = rules.setFor(facts.agent.id);
    const requester = requesterOf(facts, this.#entityOf);
    const memory: ListMemory = new Map();
    return candidates.map(({ action, resource }) => {
      const key = `${action}\u0000${resource.type}\u0000${resource.id}`;
      const known = list.get(key);
      if (known !== undefined) return known;
      if (hopThatLacks(facts, { action, resource }) !== undefined) return false;
      const environment = environmentOf(requester, action, this.#entityOf(resource), undefined);
      const shown = mayBePermitted(this.#evaluateListed(set, environment, memory));
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

  #evaluate(set: PolicySet, { environment, args }: Prepared): LoadedOutcome[] {
    if (this.#sampler.disagreed) return set.evaluateByReference(environment, args.unmapped);
    const outcomes = set.evaluate(environment, args.unmapped);
    if (args.record.hidden === undefined && args.values <= SAMPLED_VALUES_MAX)
      this.#sampler.consider(set, environment, outcomes);
    return outcomes;
  }

  /** Where closures are not trusted any more, conditions count as unknown: lists show more, calls are decided all the same. */
  #evaluateListed(set: PolicySet, environment: Environment, memory: ListMemory): LoadedOutcome[] {
    const outcomes = set.evaluateListed(environment, memory);
    return this.#sampler.disagreed ? outcomes.map(({ policy }) => ({ policy, result: UNKNOWN })) : outcomes;
  }
}

function standing(rules: Rules): Standing {
  return { rules, lists: new Map() };
}

/** Heads of policies look at no more than the agent's name. */
function anyRunOf(agent: string): Requester {
  const facts = { id: agent, owner: '', version: '', jobs: [] };
  const run = { id: '', agent, job: '', opened_by: '', purpose: null, subject: null, chain: [], scopes: [] };
  const never = { opened_at: 0, expires_at: 0, labels: LOWEST_LABEL };
  return requesterOf(
    {
      principal: { type: 'Agent', id: agent },
      agent: facts,
      credential: { kind: 'dpop', thumbprint: '' },
      run: { ...run, ...never },
      protocol: 'mcp',
    },
    createEntityCache(1),
  );
}

function setsOf({ active, canary, grants }: Rules): PolicySet[] {
  return [active, ...(canary === undefined ? [] : [canary.set]), ...grants.map(({ set }) => set)];
}

function listOf(
  lists: Standing['lists'],
  { principal, agent, credential, run, protocol }: RequestFacts,
): Map<string, boolean> {
  const key = JSON.stringify([
    [principal.type, principal.id],
    [agent.id, agent.owner, agent.version, agent.jobs],
    [run.id, run.job, run.opened_by, run.purpose, run.subject?.id, run.subject?.name, run.chain, run.scopes],
    [credential.kind, protocol],
  ]);
  const list = lists.get(key) ?? new Map<string, boolean>();
  if (!lists.has(key) && lists.size >= LISTS_MAX) lists.clear();
  lists.set(key, list);
  return list;
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
