/**
 * AuthZEN Authorization API 1.0: other enforcement points ask this gateway what their subjects may do, and agents ask
 * what they may do themselves. A question is an exchange like any other: who asks is identified, whether it may ask is
 * decided, and the answer is on record. Its attackers are an agent that reads everybody's rights off the answers, and one
 * that states properties to be let through: properties count for entities of other applications only, never for the
 * gateway's own agents. Rejected: an endpoint without a credential inside "the trusted network"; answering agents with the
 * policies that decided.
 */
export { AGENT_TYPE } from './accesses.ts';
export type { Asker, DecisionPoint, Named, Question, Verdict } from './decision-point.ts';
export { METADATA_PATH, metadata } from './endpoints.ts';
export { type Authzen, type AuthzenOptions, openAuthzen } from './open.ts';
