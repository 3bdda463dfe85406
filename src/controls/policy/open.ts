import type { Clock, Random } from '../../core/clock.ts';
import type { JsonValue } from '../../core/json.ts';
import type { ControlEvent } from '../../core/receipt.ts';
import type { Database, StateWatch, Transaction } from '../../storage/index.ts';
import { createEngine } from './engine.ts';
import { createExplainer, type Explainer } from './explain/explainer.ts';
import type { Grants } from './life/grants.ts';
import { readPastGrants } from './life/past-grants.ts';
import { type ModeSwitch, openMode } from './mode/mode.ts';
import { createPolicySet } from './policy-set.ts';
import { Sets } from './sets.ts';
import type { Shadows } from './shadow/contract.ts';
import { openShadows } from './shadow/shadows.ts';
import { readPolicies } from './source.ts';
import { findSets } from './store.ts';
import type { Disagreement, PolicyEngine, PolicySets } from './types.ts';

export type PolicyParts = {
  db: Database;
  clock: Clock;
  random: Random;
  /** The database's clock, by which temporary privilege ends; never goes back. */
  now(): number;
  state: Pick<StateWatch, 'bump' | 'onChange'>;
  /** Folder of `*.cedar` files, absolute. */
  folder: string;
  /** `presence`: an edit that may widen waits for `activate`. `file`: any valid edit counts at once. */
  activation(): 'presence' | 'file';
  /** Where policies are written. `console`: the folder gives the first set, and is not read again. */
  source(): 'folder' | 'console';
  /** Whether who proposed a set may not activate it. */
  two_persons(): boolean;
  /** Longest time for which privilege may be given. */
  grant_seconds_max(): number;
  /** Annotation names by protocol: what enforcement can carry out there. */
  fulfillable: Readonly<Record<string, readonly string[]>>;
  /** Arguments of a tool that are lists, and are decided element by element; read when catalogs are taken over. */
  each?(server: string, tool: string): readonly string[];
  /** Writes the receipt of a change in the transaction that makes it. */
  record(
    tx: Transaction,
    change: {
      event: ControlEvent;
      by: string;
      subject: string | null;
      before: string | null;
      after: string | null;
      payload?: JsonValue;
    },
  ): Promise<string>;
  /** The closures and cedar-wasm differed; the engine asks cedar-wasm alone from here on. An incident. */
  onDisagreement(disagreement: Disagreement): void;
  /** Told of failures that nobody else handles: a folder that could not be taken over. */
  report(problem: string, error: unknown): void;
  /** Whether edits of the folder are taken up while running. */
  watch: boolean;
};

/** How far a receipt's clock and the database's may be apart. */
const GRANT_CLOCKS_MS = 60_000;
export type Policy = {
  engine: PolicyEngine;
  sets: PolicySets;
  grants: Grants;
  explainer: Explainer;
  mode: ModeSwitch;
  shadows: Shadows;
};

/**
 * Reads what is active from the database, or activates the folder's set where nothing ever was, and follows both from then
 * on. Call it before `state.start()`: its listener must hear the first poll.
 * @throws where the active set cannot be loaded by this version.
 */
export async function openPolicy(parts: PolicyParts): Promise<Policy> {
  const nothing = readPolicies([], parts.fulfillable);
  const engine = createEngine(parts, createPolicySet(nothing));
  const sets = new Sets(parts, engine, nothing);
  await sets.start();
  const explainer = createExplainer({
    filesOf: async (digest) => (await findSets(parts.db, digest)).find((set) => set.digest === digest)?.files,
    registered: () => engine.registered,
    grants: {
      now: (agent) => engine.openFor(agent),
      at: async (recorded) => (await readPastGrants(parts.db, recorded.time - GRANT_CLOCKS_MS)).at(recorded),
    },
    fulfillable: parts.fulfillable,
  });
  const mode = await openMode(parts);
  const shadows = await openShadows(parts, engine);
  return { engine, sets, grants: sets.grants, explainer, mode, shadows };
}
