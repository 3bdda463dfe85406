import { hash } from 'node:crypto';
import type { AgentFacts, Run } from '../../../core/principal.ts';
import { readsRunIdentity } from '../reads.ts';
import type { RecordedDecision } from '../recorded.ts';
import type { PolicyText } from '../source.ts';

/** Longer texts are known by their digest. */
const KEY_CHARACTERS_MAX = 300;

/**
 * A text for all that policies may look at in a request, equal where no policy can tell two requests apart: agents that do the
 * same again and again are decided once.
 */
export class Sameness {
  readonly #seesRunIds: boolean;
  readonly #numbers = new Map<string, number>();
  #known = new WeakMap<object, number>();

  constructor(texts: readonly PolicyText[]) {
    this.#seesRunIds = texts.some(({ policies }) => policies.some(readsRunIdentity));
  }

  keyOf({ request, accesses, discovers, registered }: RecordedDecision): string {
    const { principal, agent, run, credential, protocol } = request;
    const facts = `${this.#agent(agent)} ${this.#run(run)} ${credential.kind} ${protocol} ${principal.type} ${discovers}`;
    const by = registered === undefined ? '' : `${registered.digest} ${registered.each.join(' ')}`;
    const asked = JSON.stringify([by, principal.id, accesses]);
    const key = `${facts} ${asked}`;
    return key.length <= KEY_CHARACTERS_MAX ? key : hash('sha256', key, 'base64url');
  }

  #agent(agent: AgentFacts): number {
    return this.#known.get(agent) ?? this.#number(agent, [agent.id, agent.owner, agent.version, agent.jobs]);
  }

  #run(run: Run): number {
    const known = this.#known.get(run);
    if (known !== undefined) return known;
    const { job, opened_by, purpose, subject, chain, scopes } = run;
    const actors = chain.map(({ actor }) => actor);
    return this.#number(run, [this.#seesRunIds ? run.id : '', job, opened_by, purpose, subject, actors, scopes]);
  }

  #number(of: object, seen: readonly unknown[]): number {
    const text = JSON.stringify(seen);
    if (this.#numbers.size >= NUMBERS_MAX) this.#forget();
    const number = this.#numbers.get(text) ?? this.#next++;
    this.#numbers.set(text, number);
    this.#known.set(of, number);
    return number;
  }

  #next = 0;

  /** Numbers go on counting, so that none ever means two things. */
  #forget(): void {
    this.#numbers.clear();
    this.#known = new WeakMap();
  }
}

const NUMBERS_MAX = 50_000;
