import type { Clock, Random } from '../../core/clock.ts';
import { isId, newId } from '../../core/ids.ts';
import type { Caller, Run } from '../../core/principal.ts';
import { isRefusal, type Refusal, refuse } from '../../core/refusal.ts';
import type { Transaction } from '../../storage/index.ts';
import { type ChangeParts, change } from './change.ts';
import type { Stop, StopKind, StopList } from './contract.ts';
import { digestOf } from './digest.ts';
import type { Standing } from './standing.ts';
import { deleteStop, insertStop } from './store/stops.ts';

const RETRY_MS_FIRST = 500;
const RETRY_MS_MAX = 30_000;
const REASON_CHARS_MAX = 500;

export type StopParts = ChangeParts & { clock: Clock; random: Random };

/** The stop that names this caller or what it acts with. The order is that of an operator's interest: the widest first. */
export function stopOf(standing: Standing, caller: Caller): Refusal | undefined {
  if (!standing.anyStop) return undefined;
  const { principal, agent, credential, token, run } = caller;
  const registered = standing.agents.get(agent.id)?.thumbprint ?? credential.thumbprint;
  const stop =
    standing.findStop('all', '') ??
    standing.findStop('agent', agent.id) ??
    standing.findStop('key', credential.thumbprint) ??
    standing.findStop('key', registered) ??
    standing.findStop('token', token) ??
    standing.findStop('run', run) ??
    (caller.subject === null ? undefined : standing.findStop('user', caller.subject)) ??
    chainStop(standing, caller.chain) ??
    (principal.type === 'Tool' ? standing.findStop('upstream', principal.id) : undefined);
  return stop === undefined ? undefined : stopped(stop);
}

/** Whoever is stopped anywhere in a chain has lent what it no longer has. */
function chainStop(standing: Standing, chain: Caller['chain']): Stop | undefined {
  for (const { actor, run, grant } of chain) {
    const stop =
      standing.findStop('agent', actor) ??
      standing.findStop('run', run) ??
      (grant === null ? undefined : standing.findStop('delegation', grant));
    if (stop !== undefined) return stop;
  }
  return undefined;
}

/** The same where a link has gone by itself: an agent removed or registered anew, a run ended. */
function chainRefusal(standing: Standing, chain: Caller['chain']): Refusal | undefined {
  for (const { actor, generation, run } of chain) {
    if (standing.agents.get(actor)?.generation !== generation) {
      return refuse('token_revoked', `agent ${actor} of the delegation was removed or registered anew`);
    }
    if (standing.hasEnded(run)) return refuse('run_ended', `run ${run} of the delegation has ended`);
  }
  return undefined;
}

/** Why this caller may not go on: a stop, or what it stood on is gone. */
export function standingRefusal(standing: Standing, caller: Caller): Refusal | undefined {
  const stop = stopOf(standing, caller);
  if (stop !== undefined) return stop;
  const agent = standing.agents.get(caller.agent.id);
  if (agent === undefined) return refuse('agent_unknown', `agent ${caller.agent.id} was removed`);
  if (agent.generation !== caller.generation) {
    return refuse('token_revoked', `agent ${caller.agent.id} was registered anew since this began`);
  }
  if (isId('tok', caller.token) && !standing.holdsToken(caller.token)) {
    return refuse('token_revoked', `token ${caller.token} was revoked or has expired`);
  }
  if (standing.hasEnded(caller.run)) return refuse('run_ended', `run ${caller.run} has ended`);
  return chainRefusal(standing, caller.chain);
}

/** The same of what a run holds while nobody asks: no credential is there to be looked at, but its agent's key is. */
function runRefusal(standing: Standing, run: Run): Refusal | undefined {
  const agent = standing.agents.get(run.agent);
  if (agent === undefined) return refuse('agent_unknown', `agent ${run.agent} was removed`);
  if (standing.hasEnded(run.id)) return refuse('run_ended', `run ${run.id} has ended`);
  if (!standing.anyStop) return chainRefusal(standing, run.chain);
  const stop =
    standing.findStop('all', '') ??
    standing.findStop('agent', run.agent) ??
    standing.findStop('key', agent.thumbprint) ??
    standing.findStop('run', run.id) ??
    (run.subject === null ? undefined : standing.findStop('user', run.subject.id)) ??
    chainStop(standing, run.chain);
  return stop === undefined ? chainRefusal(standing, run.chain) : stopped(stop);
}

function stopped(stop: Stop): Refusal {
  return refuse('stopped', `${stop.kind} ${stop.id ?? ''} was stopped by ${stop.by}: ${stop.reason} (${stop.stop})`);
}

/**
 * The stop list. `set` holds here before anything is awaited, because the database may be what the attacker has broken;
 * `lift` holds nowhere before it is durable, because a lift that is lost must leave the stop standing.
 */
export function openStops(parts: StopParts): StopList & { close(): void } {
  const { standing } = parts;
  const persistence = new Persistence(parts);
  return {
    find(subject) {
      if ('held_by' in subject) return runRefusal(standing, subject.held_by);
      if (!('upstream' in subject)) return standingRefusal(standing, subject);
      const { upstream, tool } = subject;
      const stop =
        standing.findStop('all', '') ??
        standing.findStop('upstream', upstream) ??
        (tool === undefined ? undefined : standing.findStop('tool', tool));
      return stop === undefined ? undefined : stopped(stop);
    },
    async set({ kind, id, reason, by }) {
      const problem = problemOf(kind, id, reason);
      if (problem !== undefined) return refuse('input_invalid', problem, { public: problem });
      const target = kind === 'all' ? null : id;
      const since = parts.time.now();
      const stop: Stop = { stop: newId('stp', parts.random), kind, id: target, reason, by, since, durable: false };
      standing.addPending(stop);
      return { ...stop, durable: await persistence.begin(stop) };
    },
    lift: (stop, by) => persistence.lift(stop, by),
    list: () => standing.stops(),
    onChange: (changed) => standing.onChange(changed),
    close: () => persistence.close(),
  };
}

function problemOf(kind: StopKind, id: string | null, reason: string): string | undefined {
  if (kind !== 'all' && (id === null || id === '' || id.length > 200)) return `Say which ${kind} to stop.`;
  if (reason.trim() === '' || reason.length > REASON_CHARS_MAX) return 'Say why, in at most 500 characters.';
  return undefined;
}

/** Brings stops into the database, trying ever more slowly until it succeeds or somebody lifts the stop. */
class Persistence {
  readonly #parts: StopParts;
  readonly #retries = new Map<string, () => void>();
  readonly #lifting = new Set<string>();

  constructor(parts: StopParts) {
    this.#parts = parts;
  }

  async begin(stop: Stop, wait_ms = RETRY_MS_FIRST): Promise<boolean> {
    const done = await this.#try(async (tx) => {
      // A try that waited for the lock while the stop was lifted must not bring it back.
      if (this.#lifting.has(stop.stop)) return refuse('state_changed', 'the stop is being lifted');
      // It may be there from a try whose answer was lost; then so is its receipt.
      if (await insertStop(tx, stop)) await this.#record(tx, 'stop.set', stop, stop.by);
      return undefined;
    });
    if (isRefusal(done)) {
      this.#parts.report(`stop ${stop.stop} holds on this replica and is not durable yet`, done.reason);
      this.#again(stop, wait_ms);
      return false;
    }
    // `change` has read it back: there is no moment at which the stop does not hold.
    if (this.#parts.standing.isStored(stop.stop)) this.#parts.standing.dropPending(stop.stop);
    return true;
  }

  async lift(id: string, by: string): Promise<Refusal | undefined> {
    const { standing } = this.#parts;
    const stop = standing.stops().find((known) => known.stop === id);
    if (stop === undefined) return refuse('not_found', `there is no stop ${id}`);
    this.#lifting.add(id);
    const done = await change(this.#parts, async (tx) => {
      // One that is still pending has no row; its lifting is recorded all the same.
      await deleteStop(tx, id);
      await this.#record(tx, 'stop.lift', stop, by);
      return undefined;
    });
    if (!isRefusal(done)) {
      standing.dropPending(id);
      this.#retries.get(id)?.();
      this.#retries.delete(id);
    }
    this.#lifting.delete(id);
    return done;
  }

  close(): void {
    for (const cancel of this.#retries.values()) cancel();
    this.#retries.clear();
  }

  /** Whatever goes wrong, the log's own troubles too, the stop holds here and is tried again. */
  async #try(work: (tx: Transaction) => Promise<undefined | Refusal>): Promise<undefined | Refusal> {
    try {
      return await change<undefined>(this.#parts, work);
    } catch (error) {
      return refuse('log_unavailable', error instanceof Error ? error.message : String(error));
    }
  }

  #again(stop: Stop, wait_ms: number): void {
    const cancel = this.#parts.clock.after(wait_ms, () => {
      this.#retries.delete(stop.stop);
      if (this.#parts.standing.isPending(stop.stop)) void this.begin(stop, Math.min(wait_ms * 2, RETRY_MS_MAX));
    });
    this.#retries.set(stop.stop, cancel);
  }

  async #record(tx: Transaction, event: 'stop.set' | 'stop.lift', stop: Stop, by: string): Promise<void> {
    const { kind, id, reason, since } = stop;
    const digest = digestOf({ kind, id, reason, by: stop.by, since });
    const [before, after] = event === 'stop.set' ? [null, digest] : [digest, null];
    await this.#parts.record(tx, { event, by, subject: stop.stop, before, after, payload: { kind, id, reason } });
  }
}
