import type { JsonObject, JsonValue } from '../../../core/json.ts';
import type { AgentFacts } from '../../../core/principal.ts';
import type { PolicyFile, PolicyProblem } from '../types.ts';

/** An agent as policies and analyses know it. */
export type KnownAgent = AgentFacts & {
  /** What its runs may be for; undefined where nobody has said. */
  purposes: readonly string[] | undefined;
};

export const LINT_KINDS = [
  'shadowed',
  'killed',
  'unreachable',
  'contradictory',
  'overbroad',
  'reason-missing',
  'unregistered',
  'unmentioned',
] as const;
export type LintKind = (typeof LINT_KINDS)[number];

/** One thing that lint has found. A note is worth knowing and no fault. Lines and columns count from one. */
export type Finding = Pick<PolicyProblem, 'file' | 'line' | 'column' | 'policy' | 'message'> & {
  kind: LintKind;
  severity: 'warning' | 'note';
  /** What to type. */
  help: string;
};

/** What a bounded analysis could not settle, and why: neither yes nor no. */
export type Undecided = { about: string; because: string };

export type LintReport = {
  policies: number;
  findings: readonly Finding[];
  undecided: readonly Undecided[];
  /** What keeps the files from being analysed at all. */
  problems: readonly PolicyProblem[];
};

/** A request that shows a difference, in the words that people use for it. Both sets were asked by the engine itself. */
export type Witness = {
  /** `Agent::triage`, or `Tool::github` for what a server asks. */
  principal: string;
  agent: string;
  job: string;
  purpose: string | null;
  /** Name of the user in whose name. */
  subject: string | null;
  /** Every agent of the delegation, the first one first. */
  through: readonly string[];
  credential: string;
  action: string;
  resource: string;
  args: JsonObject;
  /** The same question for the command line; empty where it is a server that asks. */
  command: string;
};

export type Side = { effect: 'permit' | 'deny' | 'hold'; policies: readonly string[]; why: string };

export type Difference = {
  kind: 'gain' | 'loss' | 'change';
  /** Who gains or loses what, and when. */
  sentence: string;
  principals: readonly string[];
  action: string;
  resources: readonly string[];
  before: Side;
  after: Side;
  witness: Witness;
};

export type SetDiff = {
  /** True only where nothing differs and nothing is undecided. */
  equal: boolean;
  differences: readonly Difference[];
  undecided: readonly Undecided[];
  /** How many combinations of principal, action and resource were compared. */
  compared: number;
  /** What keeps one of the two from being read at all. */
  problems: readonly PolicyProblem[];
};

export type ArgumentHint = { path: string; type: string; optional: boolean; values: readonly JsonValue[] };
export type AttributeHint = { name: string; type: string; optional: boolean; about: string };

/** What an editor completes from. */
export type Vocabulary = {
  actions: readonly { name: string; principals: readonly string[]; resources: readonly string[]; arguments: boolean }[];
  entities: Readonly<Record<string, readonly AttributeHint[]>>;
  context: readonly AttributeHint[];
  annotations: readonly { name: string; on: 'permit' | 'forbid' | 'both'; about: string }[];
  agents: readonly { id: string; jobs: readonly string[] }[];
  servers: readonly string[];
  tools: readonly { id: string; arguments: readonly ArgumentHint[] }[];
  prompts: readonly { id: string; arguments: readonly ArgumentHint[] }[];
  resources: readonly string[];
};

/** What is analysed: what is in force, a stored set by its digest or the beginning of it, or files. */
export type Subject = { of: 'active' } | { of: 'set'; set: string } | { of: 'files'; files: readonly PolicyFile[] };
