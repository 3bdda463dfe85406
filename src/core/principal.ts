import type { Label } from './label.ts';

/** A Cedar entity reference: `Agent::"triage"`. */
export type EntityRef = { type: string; id: string };

export type PrincipalType = 'Agent' | 'Model' | 'Tool' | 'Pipeline' | 'User';
export type Principal = { type: PrincipalType; id: string };

/** How strongly the caller proved itself; policy sees the kind. */
export type CredentialKind = 'dpop' | 'bearer' | 'child';

export type Credential = {
  kind: CredentialKind;
  /** Opaque id of what was presented: a key's RFC 7638 thumbprint, or a bearer token's id. Never the secret. */
  thumbprint: string;
};

/** A DPoP proof as it must be claimed, once, in the intent transaction (RFC 9449, section 11.1). */
export type ProofClaim = { jkt: string; jti: string; expires_at: number };

/** Facts about a registered agent that policy may read. */
export type AgentFacts = {
  id: string;
  owner: string;
  version: string;
  /** Kinds of work that it may do; a run is always of one of these. */
  jobs: readonly string[];
};

/** One doing of one job. Granted at opening, never asserted by a request. */
export type Run = {
  id: string;
  agent: string;
  job: string;
  opened_by: string;
  opened_at: number;
  expires_at: number;
  labels: Label;
};

/** Who stands at the door, after `check identity`. */
export type Caller = {
  principal: Principal;
  agent: AgentFacts;
  /** Counts registrations of the agent's id: a later one is another agent, whatever this one had begun. */
  generation: number;
  credential: Credential;
  /** Opaque id of the token that was presented (its `jti`, or `tok_…`), so that a stop of one token cuts what it began. */
  token: string;
  /** The run that the credential names; the `load run` stage reads it. */
  run: string;
  proof: ProofClaim | undefined;
};
