import type { Access, Decision, DecisionRequest } from '../../core/decision.ts';
import type { ServerCatalog } from '../../core/manifest.ts';
import type { EntityRef } from '../../core/principal.ts';
import type { Refusal } from '../../core/refusal.ts';
import type { CaseRun } from './cases.ts';
import type { Candidate } from './life/candidate.ts';
import type { CanaryRow } from './life/store.ts';
import type { Version, VersionDetail, Versions } from './life/versions.ts';

/** Something wrong with a policy file, where it stands. Lines and columns count from one, columns in UTF-16 units. */
export type PolicyProblem = {
  severity: 'error' | 'warning';
  file: string;
  line: number;
  column: number;
  /** `@id` of the policy that it is about, where one can be named. */
  policy: string | undefined;
  message: string;
  help: string | undefined;
};

/** A policy file as it stands in the folder; `name` is relative to it and never leaves it. */
export type PolicyFile = { name: string; text: string };

/** One policy of a set, for people. */
export type PolicyListing = {
  id: string;
  effect: 'permit' | 'forbid';
  file: string;
  line: number;
  reason: string;
  public: string | undefined;
  annotations: Readonly<Record<string, string>>;
  /** As it stands in its file. */
  text: string;
  /** False where cedar-wasm evaluates it instead of our closures. */
  compiled: boolean;
};

export type ClauseValue = { path: string; value: string };

/** How one policy in scope came out, with the conjunct that decided it and what that conjunct saw. */
export type PolicyTrace = {
  id: string;
  effect: 'permit' | 'forbid';
  at: string;
  outcome: 'satisfied' | 'unsatisfied' | 'error';
  shadow: boolean;
  error: string | undefined;
  /** Cedar text of the first conjunct that was not true. Its values are payload: sealed, never in a receipt. */
  clause: { text: string; values: readonly ClauseValue[] } | undefined;
};

export type Explanation = { decision: Decision; policies: readonly PolicyTrace[] };

/** Decides. Synchronous, and microseconds: everything that it needs is compiled before. */
export interface PolicyEngine {
  decide(request: DecisionRequest): Decision;
  /** Which of these would not certainly be denied, their arguments unknown: what a list shows. */
  visible(
    request: Omit<DecisionRequest, 'access'>,
    candidates: readonly Pick<Access, 'action' | 'resource'>[],
  ): readonly boolean[];
  /** `decide` again, slowly, saying for each policy in scope which clause failed and what it saw. */
  explain(request: DecisionRequest): Explanation;
  /** Argument types come from the registered tools. Called at start and whenever a catalog changes. */
  useCatalog(catalogs: readonly ServerCatalog[]): void;
  /** SHA-256, hex, of the active set. */
  readonly set: string;
  /** The rules as they are now, for whoever asks more than once in one exchange: what comes after does not mix in. */
  pinned(): Pinned;
  /** SHA-256, hex, of the set that decides for this agent: the active one, or the canary. */
  setFor(agent: string): string;
  /** Whether the grant of that policy id (`grant:…`) still stands open. */
  isOpen(grant: string): boolean;
  /** Calls `changed` after the rules became others. The returned function ends it. */
  onChange(changed: () => void): () => void;
}

export type Pinned = Pick<PolicyEngine, 'decide' | 'visible'>;

export type ActiveSet = { digest: string; activated_by: string; why: string; activated_at: number };

/** An edit that may widen what is permitted; it waits for `activate`, which needs presence. */
export type Proposal = {
  digest: string;
  proposed_at: number;
  /** `person:<id>`, `local`, or `folder`. */
  proposed_by: string;
  /** Ids of policies that are new or changed, and of those that would go. */
  added: readonly string[];
  removed: readonly string[];
  /** Why it may widen, one sentence each. */
  widens: readonly string[];
  /** What a person is to approve: each policy's text before and after, undefined where there is none. */
  changes: readonly PolicyChange[];
};

export type PolicyChange = { id: string; before: string | undefined; after: string | undefined };

export type PolicyStatus = {
  active: ActiveSet;
  evaluator: 'compiled' | 'cedar-wasm';
  policies: number;
  compiled: number;
  /** What is wrong with the folder as it is now, or with the active set against the registered tools. */
  problems: readonly PolicyProblem[];
};

export type TestRun = CaseRun & { passed: boolean };

/** What came of a proposal: it waits; or it is a patch for the folder, which is the source; or it is what is active. */
export type Proposed =
  | { kind: 'proposed'; version: Version; tests: TestRun }
  | { kind: 'patch'; set: string; patch: string; folder: string; tests: TestRun }
  | { kind: 'active'; active: ActiveSet };

/** The life of policy sets: read from the folder, proposed, activated, followed by every replica. */
export interface PolicySets {
  status(): PolicyStatus;
  list(): readonly PolicyListing[];
  proposals(): Promise<readonly Proposal[]>;
  /** The caller has checked presence. `by` and `why` stand in the control receipt. */
  activate(digest: string, by: string, why: string): Promise<ActiveSet | Refusal>;
  /** Every set that was active or proposed. */
  versions(): Promise<Versions & { source: 'folder' | 'console'; two_persons: boolean }>;
  /** One of them, and what it changes about `against`; without it, about the active set. */
  version(digest: string, against?: string): Promise<VersionDetail | Refusal>;
  propose(candidate: Candidate, how: { by: string; why: string; write_folder: boolean }): Promise<Proposed | Refusal>;
  /** Runs the cases of a candidate, or those given; of the active set where nothing is. */
  test(candidate: Candidate, cases?: readonly PolicyFile[]): Promise<TestRun | Refusal>;
  /** To the version before. The caller has checked presence. */
  rollback(by: string, why: string): Promise<ActiveSet | Refusal>;
  /** Lets a set decide for a share of the agents; undefined drops what does. The caller has checked presence. */
  canary(
    asked: { digest?: string | undefined; share_ppm: number },
    by: string,
    why: string,
  ): Promise<CanaryRow | undefined | Refusal>;
  /** Reads the folder again; what the watcher does on a change. */
  reload(): Promise<PolicyStatus>;
  close(): Promise<void>;
}

/** What the compiled form and cedar-wasm said of one request. The engine has already switched to cedar-wasm. */
export type Disagreement = {
  set: string;
  action: string;
  resource: EntityRef;
  /** Policy ids that only one of the two found satisfied, or erring. */
  policies: readonly string[];
};
