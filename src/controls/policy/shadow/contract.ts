import type { Refusal } from '../../../core/refusal.ts';
import type { Candidate } from '../replay/contract.ts';
import type { SimulationResult } from '../replay/simulation.ts';

/** A set that is asked beside the one that decides. Times are milliseconds since the Unix epoch, by the database's clock. */
export type ShadowSet = {
  /** Its digest. */
  set: string;
  since: number;
  /** When it ends, or ended, by itself or by somebody's word. */
  until: number;
  by: string;
  why: string;
};

export type ShadowState = ShadowSet & { running: boolean };

export interface Shadows {
  /** The set that runs beside, or the last one that did. */
  current(): ShadowState | undefined;
  set(candidate: Candidate, how: { by: string; why: string; seconds: number }): Promise<ShadowState | Refusal>;
  /** Undefined where none ran. */
  clear(by: string): Promise<ShadowState | undefined | Refusal>;
  close(): void;
}

/** What receipts say that the set beside would have decided otherwise. It reads arguments. */
export type ShadowDifferences = { shadow: ShadowState; result: SimulationResult };
