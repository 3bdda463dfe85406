import type { Decision } from '../../../core/decision.ts';
import { isJsonObject, type JsonObject } from '../../../core/json.ts';
import type { RecordedDecision } from '../recorded.ts';

/** How often each name occurred: the most frequent, and how often any other did. */
export type Tally = { names: { name: string; count: number }[]; others: number };

/** One exchange that is decided otherwise. `why` says which policies and clauses, with the values that they saw. */
export type DifferenceExample = {
  receipt: string;
  time: number;
  agent: string;
  job: string;
  action: string;
  resource: string;
  /** Accesses beyond the first. */
  more: number;
  was: { effect: Decision['effect']; policies: string[] };
  would: { effect: Decision['effect']; policies: string[]; why: string };
};

/** Exchanges that come to the same end, which is not the one that they came to. */
export type DifferenceGroup = {
  count: number;
  agents: Tally;
  /** `Tool::"github/create_issue"`. */
  resources: Tally;
  /** `Tool::"files/read" path = "secret/a"`. */
  arguments: Tally;
  examples: DifferenceExample[];
};

/** Different names are counted up to a bound: an agent can invent as many as it likes. What comes later is `others`. */
const NAMES_MAX = 2_000;
const TOLD_MAX = 20;
const EXAMPLES_MAX = 12;
/** So that one busy agent does not fill all of them. */
const EXAMPLES_ALIKE_MAX = 2;
const ARGUMENTS_MAX = 16;
const VALUE_CHARACTERS_MAX = 80;

class Counter {
  readonly #counts = new Map<string, number>();
  #others = 0;

  add(name: string): void {
    const count = this.#counts.get(name);
    if (count === undefined && this.#counts.size >= NAMES_MAX) this.#others += 1;
    else this.#counts.set(name, (count ?? 0) + 1);
  }

  tally(): Tally {
    const sorted = [...this.#counts].sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1));
    const rest = sorted.slice(TOLD_MAX).reduce((sum, [, count]) => sum + count, 0);
    return { names: sorted.slice(0, TOLD_MAX).map(([name, count]) => ({ name, count })), others: this.#others + rest };
  }
}

/** Counts differences of one kind; memory is bounded however many there are. */
export class Differences {
  #count = 0;
  readonly #agents = new Counter();
  readonly #resources = new Counter();
  readonly #arguments = new Counter();
  readonly #alike = new Map<string, number>();
  readonly #examples: DifferenceExample[] = [];

  get count(): number {
    return this.#count;
  }

  /** @param why asked only for what becomes an example. */
  add(recorded: RecordedDecision, would: Pick<Decision, 'effect' | 'policies'>, why: () => string): void {
    const { agent, access } = recorded.request;
    const resource = entityText(access.resource);
    this.#count += 1;
    this.#agents.add(agent.id);
    this.#resources.add(resource);
    for (const text of argumentTexts(access.args)) this.#arguments.add(`${resource} ${text}`);
    const kind = JSON.stringify([agent.id, resource, would.policies]);
    const alike = this.#alike.get(kind) ?? 0;
    if (this.#examples.length >= EXAMPLES_MAX || alike >= EXAMPLES_ALIKE_MAX) return;
    this.#alike.set(kind, alike + 1);
    this.#examples.push(exampleOf(recorded, resource, { ...would, why: why() }));
  }

  group(): DifferenceGroup {
    return {
      count: this.#count,
      agents: this.#agents.tally(),
      resources: this.#resources.tally(),
      arguments: this.#arguments.tally(),
      examples: [...this.#examples],
    };
  }
}

function exampleOf(
  { receipt, time, request, accesses, effect, policies }: RecordedDecision,
  resource: string,
  would: Pick<Decision, 'effect' | 'policies'> & { why: string },
): DifferenceExample {
  return {
    receipt,
    time,
    agent: request.agent.id,
    job: request.run.job,
    action: request.access.action,
    resource,
    more: accesses.length - 1,
    was: { effect, policies: [...policies] },
    would: { effect: would.effect, policies: [...would.policies], why: would.why },
  };
}

/** As policies write it. */
export function entityText({ type, id }: { type: string; id: string }): string {
  return `${type}::${JSON.stringify(id)}`;
}

/** Each scalar, and each element of a list, with the path by which policies read it. */
export function argumentTexts(args: JsonObject, path = ''): string[] {
  const texts: string[] = [];
  for (const [name, value] of Object.entries(args)) {
    const at = path === '' ? name : `${path}.${name}`;
    if (isJsonObject(value)) texts.push(...argumentTexts(value, at));
    else for (const one of Array.isArray(value) ? value : [value]) texts.push(`${at} = ${shortened(one)}`);
    if (texts.length >= ARGUMENTS_MAX) return texts.slice(0, ARGUMENTS_MAX);
  }
  return texts;
}

function shortened(value: unknown): string {
  const text = JSON.stringify(value);
  return text.length > VALUE_CHARACTERS_MAX ? `${text.slice(0, VALUE_CHARACTERS_MAX)}…` : text;
}
