/**
 * What the control plane offers, said once. Server, client, OpenAPI document, console and the test that walks every
 * route all read this table; a route that is not in it does not exist. Its attacker looks for the one route where
 * somebody forgot to ask who is calling: so who may call is a column, not a line of code. It runs in a browser, hence
 * imports nothing but zod and the vocabulary. Rejected: decorators on handlers (the table is then nowhere to be seen),
 * a schema language beside the types (two truths).
 */
export { type Lookalike, lookalikesOf } from '../../core/unseen-text.ts';
export { codePointName, visibleJson, visibleParts, visibleText } from '../../core/visible-text.ts';
export type { Agent, Delegation, Run, Stop, Token } from './agents.ts';
export { STOP_KINDS } from './agents.ts';
export type { ClientGrant, ConsentQuestion } from './client-grants.ts';
export type { Connection } from './connections.ts';
export type { DifferenceExample, DifferenceGroup } from './differences.ts';
export type { Decision, Exchange, ExchangePage, Filters, LiveEvent, State, Story } from './exchanges.ts';
export { DECISIONS, filters, liveEvent, STATES } from './exchanges.ts';
export type {
  CanAnswer,
  Clause,
  ExplainedAccess,
  ExplainedPolicy,
  Explanation,
  PolicyEdit,
  Remedy,
} from './explanation.ts';
export type { Grant } from './grants.ts';
export { CLIENT_HEADER, OBSERVING_HEADER } from './headers.ts';
export type { SigningKey } from './keys.ts';
export type { Mode } from './mode.ts';
export type { AgentActivity, AgentTools, AgentWorkload } from './one-agent.ts';
export type { Me, Passkey, PersonEntry } from './people.ts';
export type { ActiveSet, PolicyEntry, PolicyProblem, Proposal } from './policy.ts';
export type { LintFinding, PolicyDifference, PolicyWitness, Undecided } from './policy-analysis.ts';
export type { PolicyCanary, PolicyCaseRun, PolicyVersion } from './policy-life.ts';
export type { Problem } from './problem.ts';
export { problem } from './problem.ts';
export type { Route } from './route.ts';
export type { Input, Operation, Output, Parsed } from './routes.ts';
export { ROUTES } from './routes.ts';
export type { Shadow } from './shadow.ts';
export type { Simulation, SimulationResult } from './simulations.ts';
export type { TrustDomain } from './spiffe.ts';
export type { Fault, Status, Upstream, Waiting } from './status.ts';
export type {
  SuggestedClause,
  SuggestedCondition,
  Suggestion,
  SuggestionSummary,
  UnusedPrivilege,
} from './suggestions.ts';
export type { ToolDetail, ToolPart } from './tools.ts';
export { PART_KINDS, PART_STATES, partWord } from './tools.ts';
export type { VaultEntry } from './vault.ts';
export { VAULT_KINDS } from './vault.ts';
