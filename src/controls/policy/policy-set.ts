import type { Environment } from './cedar/environment.ts';
import { createEvaluator, type ListMemory } from './cedar/evaluator.ts';
import { Uncompilable } from './cedar/literals.ts';
import { createOracle, type Oracle } from './cedar/oracle.ts';
import { type CompiledPolicy, compilePolicy } from './cedar/policy.ts';
import { Failure, type Result } from './cedar/results.ts';
import { scopeMatches } from './cedar/scope.ts';
import { type LoadedOutcome, type LoadedPolicy, loadedPolicy } from './combine.ts';
import type { PolicySource } from './places.ts';
import { type ArgumentReads, argumentReads } from './reads.ts';
import { digestOf, type PolicyText } from './source.ts';

/** One set of policies, ready to run: by closures, by cedar-wasm, or by closures with cedar-wasm for the rest. */
export interface PolicySet {
  readonly digest: string;
  readonly text: PolicyText;
  readonly policies: readonly LoadedPolicy[];
  /** `unmapped`: paths of the request's arguments that policy cannot see. */
  evaluate(environment: Environment, unmapped: readonly string[]): LoadedOutcome[];
  /** The same by cedar-wasm alone. */
  evaluateByReference(environment: Environment, unmapped: readonly string[]): LoadedOutcome[];
  /** With arguments unknown, for one candidate of a list; `memory` is the list's. Never asks cedar-wasm. */
  evaluateListed(environment: Environment, memory: ListMemory): LoadedOutcome[];
  /** Gives up what cedar-wasm holds for it; nothing is asked of it afterwards. */
  release(): void;
  readonly released: boolean;
}

/** @param text without errors: parsed, with ids that are unique. */
export function createPolicySet(text: PolicyText): PolicySet {
  const policies = text.policies.map((source, at) => ({ ...loaded(source), ordinal: at }));
  const reference = lazily(() => createOracle(text.policies));
  const left = policies.filter((policy) => policy.conjuncts === undefined);
  const rest = lazily(() => createOracle(left.map(({ source }) => source)));
  const evaluator = createEvaluator(policies);
  const reads = readsOf(text.policies);
  let released = false;
  return {
    digest: digestOf(text.files),
    text,
    policies,
    evaluate: (environment, unmapped) => {
      if (left.length === 0) return evaluator.evaluate(environment) as LoadedOutcome[];
      const ask = lazily(() => rest.get().evaluate(environment));
      const fallback = (policy: CompiledPolicy): Result =>
        unreadable(reads(policy), unmapped) ?? outcomeOf(ask.get(), policy.id);
      return evaluator.evaluate(environment, fallback) as LoadedOutcome[];
    },
    evaluateByReference: (environment, unmapped) => {
      const inScope = policies.filter((policy) => scopeMatches(policy.scope, environment));
      const answer = reference.get().evaluate(environment);
      return inScope.map((policy) => ({
        policy,
        result: unreadable(reads(policy), unmapped) ?? outcomeOf(answer, policy.id),
      }));
    },
    evaluateListed: (environment, memory) => evaluator.evaluateListed(environment, memory) as LoadedOutcome[],
    get released() {
      return released;
    },
    release: () => {
      released = true;
      reference.made()?.release();
      rest.made()?.release();
    },
  };
}

const COMPILED = new WeakMap<PolicySource['json'], CompiledPolicy>();
const LOADED = new WeakMap<PolicySource, LoadedPolicy>();

/** Compiled once, however many versions of a set it is part of, and wherever it stands in them. */
function loaded(source: PolicySource): LoadedPolicy {
  const known = LOADED.get(source);
  if (known !== undefined) return known;
  const before = COMPILED.get(source.json);
  const compiled = before?.id === source.id ? before : compilePolicy(source, 0);
  COMPILED.set(source.json, compiled);
  const made = loadedPolicy(compiled, source);
  LOADED.set(source, made);
  return made;
}

function outcomeOf(answer: ReturnType<Oracle['evaluate']>, id: string): Result {
  const error = answer.errors.get(id);
  return error === undefined ? answer.satisfied.has(id) : new Failure(error);
}

/**
 * cedar-wasm does not know of arguments that are there but hidden; to it they are absent. So a policy whose text looks at
 * one fails, whether or not its evaluation would have come to it.
 */
function unreadable(reads: ArgumentReads, unmapped: readonly string[]): Failure | undefined {
  const found = unmapped.find((path) => reads.whole || reads.paths.some((read) => touches(read.join('.'), path)));
  return found === undefined ? undefined : new Failure(`the argument ${found} cannot be read by policy`, 'unmapped');
}

/** One lies within the other, so far as their text tells. */
function touches(read: string, hidden: string): boolean {
  return read === hidden || hidden.startsWith(read) || read.startsWith(hidden);
}

function readsOf(sources: readonly PolicySource[]): (policy: CompiledPolicy) => ArgumentReads {
  const known = new Map<string, ArgumentReads>();
  const texts = new Map(sources.map((source) => [source.id, source]));
  return ({ id }) => {
    const source = texts.get(id);
    if (source === undefined) throw new Uncompilable(`no policy ${id}`);
    const found = known.get(id) ?? argumentReads(source);
    known.set(id, found);
    return found;
  };
}

function lazily<T>(make: () => T): { get(): T; made(): T | undefined } {
  let value: T | undefined;
  return {
    get: () => {
      value ??= make();
      return value;
    },
    made: () => value,
  };
}
