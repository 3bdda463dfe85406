import type { Clock, Random } from '../../../core/clock.ts';
import { newId } from '../../../core/ids.ts';
import { isRefusal, type Refusal, refuse } from '../../../core/refusal.ts';
import type { Database } from '../../../storage/index.ts';
import type { PolicySet } from '../policy-set.ts';
import type { Candidate, RunSimulation, SimulationAsked, SimulationState, Simulations } from './contract.ts';
import { activeSet, setByDigest, setOfFiles } from './sets.ts';

export type SimulationParts = {
  db: Database;
  clock: Clock;
  random: Random;
  run: RunSimulation;
  /** The receipt of a reading of arguments. */
  record(by: string, subject: string, payload: { set: string; agent: string | null }): Promise<unknown>;
};

/** Finished ones that are kept; they hold arguments, so not for ever. */
const KEPT_MAX = 8;
const KEPT_MS = 60 * 60_000;

export function openSimulations(parts: SimulationParts): Simulations {
  return new KeptSimulations(parts);
}

type Kept = { state: SimulationState; cancel: () => void; over: Promise<void> };

class KeptSimulations implements Simulations {
  readonly #parts: SimulationParts;
  readonly #kept = new Map<string, Kept>();
  #starting = false;

  constructor(parts: SimulationParts) {
    this.#parts = parts;
  }

  async start(asked: SimulationAsked, by: string): Promise<SimulationState | Refusal> {
    this.#forgetOld();
    const running = this.#starting || this.list().some(({ state }) => state === 'running');
    if (running) {
      return refuse('rate_limited', 'a simulation runs already', {
        public: 'A simulation runs already. Wait for it, or cancel it.',
      });
    }
    this.#starting = true;
    try {
      return await this.#start(asked, by);
    } finally {
      this.#starting = false;
    }
  }

  find(id: string): SimulationState | undefined {
    this.#forgetOld();
    return this.#kept.get(id)?.state;
  }

  list(): readonly SimulationState[] {
    this.#forgetOld();
    return [...this.#kept.values()].map(({ state }) => state).reverse();
  }

  cancel(id: string): SimulationState | undefined {
    const kept = this.#kept.get(id);
    if (kept === undefined) return undefined;
    if (kept.state.state === 'running') {
      this.#end(kept, { state: 'cancelled' });
      kept.cancel();
    }
    return kept.state;
  }

  async close(): Promise<void> {
    for (const id of this.#kept.keys()) this.cancel(id);
    await Promise.all([...this.#kept.values()].map(({ over }) => over));
  }

  async #start({ candidate, since, agent }: SimulationAsked, by: string): Promise<SimulationState | Refusal> {
    const { db, clock, random, run, record } = this.#parts;
    const active = await activeSet(db);
    if (isRefusal(active)) return active;
    const set = candidate.of === 'active' ? active : await candidateSet(db, candidate);
    if (isRefusal(set)) return set;
    const id = newId('sim', random);
    const state: SimulationState = {
      id,
      state: 'running',
      set: set.digest,
      active: active.digest,
      since,
      agent,
      started_at: clock.now(),
      started_by: by,
      ended_at: null,
      progress: { read: 0, of: 0, differences: 0 },
      problem: null,
      result: null,
    };
    await record(by, `log:since:${since}`, { set: set.digest, agent });
    const job = { candidate: set.text.files, active: active.text.files, since, agent, beside: false };
    const kept: Kept = { state, cancel: () => undefined, over: Promise.resolve() };
    const work = run(job, (progress) => this.#change(kept, { progress }));
    kept.cancel = () => work.cancel();
    kept.over = work.done.then(
      (result) => this.#end(kept, { state: 'done', result }),
      (error: unknown) => this.#end(kept, { state: 'failed', problem: reasonOf(error) }),
    );
    this.#kept.set(id, kept);
    return state;
  }

  #end(kept: Kept, change: Partial<SimulationState>): void {
    this.#change(kept, { ...change, ended_at: this.#parts.clock.now() });
  }

  /** What is over stays as it ended, whatever the thread still says. */
  #change(kept: Kept, change: Partial<SimulationState>): void {
    if (kept.state.state === 'running') kept.state = { ...kept.state, ...change };
  }

  #forgetOld(): void {
    const now = this.#parts.clock.now();
    const over = [...this.#kept].filter(([, { state }]) => state.ended_at !== null);
    for (const [at, [id, { state }]] of over.entries()) {
      const isOld = (state.ended_at as number) < now - KEPT_MS;
      if (isOld || at < over.length - KEPT_MAX) this.#kept.delete(id);
    }
  }
}

function candidateSet(
  db: Database,
  candidate: Exclude<Candidate, { of: 'active' }>,
): PolicySet | Refusal | Promise<PolicySet | Refusal> {
  return candidate.of === 'set' ? setByDigest(db, candidate.set) : setOfFiles(candidate.files);
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
