import type { Refusal } from '../../../core/refusal.ts';
import type { PolicyFile } from '../types.ts';
import type { SimulationResult } from './simulation.ts';

/** What is tried: a set that was proposed or active once, by its digest or the beginning of it, or files as typed. */
export type Candidate = { of: 'active' } | { of: 'set'; set: string } | { of: 'files'; files: readonly PolicyFile[] };

export type SimulationAsked = {
  candidate: Candidate;
  /** Exchanges from this time on, milliseconds since the Unix epoch. */
  since: number;
  /** Of this agent alone. */
  agent: string | null;
};

/** Log entries read so far, of how many, and differences found among them. */
export type SimulationProgress = { read: number; of: number; differences: number };

export type SimulationState = {
  id: string;
  state: 'running' | 'done' | 'failed' | 'cancelled';
  /** Digest of the candidate, and of the set that is active. */
  set: string;
  active: string;
  since: number;
  agent: string | null;
  started_at: number;
  started_by: string;
  ended_at: number | null;
  progress: SimulationProgress;
  /** Why, where it failed. */
  problem: string | null;
  result: SimulationResult | null;
};

/** Candidate sets against recorded exchanges. Nothing of it is enforced, and it takes no time of the calls that go on. */
export interface Simulations {
  /** Leaves a `payload.read` receipt in the name of `by` before anything is read. One runs at a time. */
  start(asked: SimulationAsked, by: string): Promise<SimulationState | Refusal>;
  find(id: string): SimulationState | undefined;
  list(): readonly SimulationState[];
  /** Ends it where it runs; its state otherwise. */
  cancel(id: string): SimulationState | undefined;
  close(): Promise<void>;
}

/** All that a simulation needs, as it can be told to another thread. */
export type SimulationJob = {
  candidate: readonly PolicyFile[];
  active: readonly PolicyFile[];
  since: number;
  agent: string | null;
  /** Only exchanges of which the receipt says that the candidate, running beside, would have decided otherwise. */
  beside: boolean;
};

/** Whoever reads the log, and where: in main a thread. `done` rejects where it failed, and after `cancel`. */
export type RunSimulation = (
  job: SimulationJob,
  progress: (now: SimulationProgress) => void,
) => { done: Promise<SimulationResult>; cancel(): void };
