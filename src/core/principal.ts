import type { Label } from './label.ts';
import type { Scope } from './scope.ts';

/** A Cedar entity reference: `Agent::"triage"`. */
export type EntityRef = { type: string; id: string };

export type PrincipalType = 'Agent' | 'Model' | 'Tool' | 'Pipeline' | 'User';
export type Principal = { type: PrincipalType; id: string };

/** How strongly the caller proved itself; policy sees the kind. */
export type CredentialKind = 'dpop' | 'mtls' | 'bearer' | 'child';

export type Credential = {
  kind: CredentialKind;
  /** Opaque id of what was presented: a key's RFC 7638 thumbprint, a certificate's SHA-256, or a bearer token's id. Never the secret. */
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

/** A person in whose name an agent acts. `id` is opaque; `name` is what policies and people call them. */
export type Subject = { id: string; name: string };

/** One hop of a delegation: who acts from here on, and by which grant. Opaque ids and digests only. */
export type ChainLink = {
  /** The agent that acts from this hop on. */
  actor: string;
  /** Of the actor's registration, as in `Caller`. */
  generation: number;
  /** The run in which it acts. */
  run: string;
  /** The signed grant that made it an actor; null for the agent that a chain begins with in nobody's name. */
  grant: string | null;
  /** SHA-256 of the scope that this hop was given, hex. */
  scope_digest: string;
  expires_at: number;
};

/** One doing of one job. Granted at opening, never asserted by a request. */
export type Run = {
  id: string;
  agent: string;
  job: string;
  opened_by: string;
  /** What the job is done for, of those granted to the agent. */
  purpose: string | null;
  /** In whose name. Granted at registration or by the user's own token. */
  subject: Subject | null;
  /** From the first agent to the one that acts; empty where nothing was delegated. */
  chain: readonly ChainLink[];
  /** What every hop of the chain lends, each still in force by itself; empty where nothing was delegated. */
  scopes: readonly Scope[];
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
  /** The user in whose name the credential was given out, opaque; null for the agent's own. */
  subject: string | null;
  /** As in `Run`: a stop of any actor, run or grant of it stops the caller. */
  chain: readonly ChainLink[];
  proof: ProofClaim | undefined;
};
