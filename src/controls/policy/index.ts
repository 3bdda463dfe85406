/**
 * Policy: who may do what, decided by Cedar. Least privilege stands or falls here, so the attacker is whoever can bend a
 * decision: an agent that shapes an argument so that a rule does not see it, an upstream that changes a tool's schema under
 * a rule, an error that makes a `forbid` vanish, an edit of a file that widens what is permitted without anybody's word.
 *
 * Nothing is permitted unless a policy says so, and a check that fails to run is a refusal. Policies are read by cedar-wasm
 * (parser, validator, formatter, reference) and run by our own closures, since cedar-wasm costs 120 µs and more for each
 * decision and grows with the number of policies; a sample of live decisions is compared with it for ever, and one
 * disagreement switches back to it. Rejected: OPA (a second runtime to compile with), CEL (expressions without a policy
 * model), generated JavaScript source (`new Function` turns a bug in an escape into code execution).
 */
export { diffPolicies } from './analysis/diff.ts';
export { lintPolicies } from './analysis/lint.ts';
export { offlineRegistration } from './analysis/offline.ts';
export { type AnalysisParts, openAnalysis, type PolicyAnalysis } from './analysis/open.ts';
export type { Registration } from './analysis/registration.ts';
export { allAtOnce } from './analysis/slices.ts';
export type {
  Difference,
  Finding,
  KnownAgent,
  LintReport,
  SetDiff,
  Subject,
  Undecided,
  Vocabulary,
  Witness,
} from './analysis/types.ts';
export { AGENT_ACTIONS, type AgentFactsAsked, denied, evaluateAgent } from './applications/about-agents.ts';
export { type Applications, type ApplicationsParts, openApplications } from './applications/open.ts';
export type { Named, Question, Verdict } from './applications/question.ts';
export { type CaseResult, type CaseRun, testPolicies } from './cases.ts';
export {
  type CheckOptions,
  checkPolicies,
  type FormattedFile,
  type Formatting,
  formatPolicies,
  type PolicyCheck,
} from './check.ts';
export { discovered } from './discovery.ts';
export type { ExplainedPolicy } from './explain/explained.ts';
export type { DecisionStory, ExplainedAccess, Explainer } from './explain/explainer.ts';
export type { NoChange, SmallestChange } from './explain/smallest.ts';
export { type FolderRead, loadPolicies } from './folder.ts';
export type { Grant, GrantGiven, Grants } from './life/grants.ts';
export { type PastGrants, readPastGrants } from './life/past-grants.ts';
export { type ModeSwitch, OBSERVING_MINUTES_MAX, type Observing } from './mode/mode.ts';
export { openPolicy, type Policy, type PolicyParts } from './open.ts';
export {
  type Decided,
  decidedOf,
  effectOf,
  isReplayable,
  type Missing,
  type NotReplayable,
  type Recorded,
  type RecordedContent,
  type RecordedDecision,
  type RecordedDecisions,
  type RecordedFacts,
  type RegisteredThen,
  readRecorded,
} from './recorded.ts';
export type {
  Candidate,
  RunSimulation,
  SimulationAsked,
  SimulationJob,
  SimulationProgress,
  SimulationState,
  Simulations,
} from './replay/contract.ts';
export type { DifferenceExample, DifferenceGroup, Tally } from './replay/differences.ts';
export { createReplay, type Replay, type Replayed } from './replay/replay.ts';
export { setByDigest, setOfFiles } from './replay/sets.ts';
export { Simulation, type SimulationResult } from './replay/simulation.ts';
export { openSimulations } from './replay/simulations.ts';
export { besideOf, differsBeside, ranBeside } from './shadow/beside.ts';
export type { ShadowDifferences, ShadowSet, ShadowState, Shadows } from './shadow/contract.ts';
export { openShadowDifferences } from './shadow/differences.ts';
export { policyMigrations } from './store.ts';
export {
  createSuggestions,
  type SuggestedClause,
  type Suggestion,
  type SuggestionSummary,
  type Suggestions,
} from './suggest/suggestions.ts';
export type {
  ActiveSet,
  ClauseValue,
  Disagreement,
  Explanation,
  PolicyChange,
  PolicyEngine,
  PolicyFile,
  PolicyListing,
  PolicyProblem,
  PolicySets,
  PolicyStatus,
  PolicyTrace,
  Proposal,
  Proposed,
  TestRun,
} from './types.ts';
export { ACTIONS, FULFILLABLE } from './vocabulary.ts';
