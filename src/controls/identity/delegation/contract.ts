import type { Subject } from '../../../core/principal.ts';
import type { Refusal } from '../../../core/refusal.ts';
import type { Scope } from '../../../core/scope.ts';
import type { Secret } from '../../../core/secret.ts';

export type DelegationEntry = {
  id: string;
  parent: string | null;
  /** The agent that lends; null where a user does. */
  lender: string | null;
  actor: string;
  /** The run that it was redeemed for. */
  run: string | null;
  subject: string | null;
  scope: Scope;
  depth: number;
  issued_at: number;
  expires_at: number;
};

/** What somebody lends to whom. What is not said is lent as the lender has it. */
export type Lent = { to: string; scope: Partial<Scope>; seconds?: number };

export interface Delegations {
  /** A person lends an agent the right to act in their name. The grant is good in that agent's hands alone. */
  lend(lent: Lent, person: Subject): Promise<{ delegation: DelegationEntry; grant: Secret } | Refusal>;
  /** Those that have not expired, the newest first. */
  list(limit: number): Promise<readonly DelegationEntry[]>;
  /** From the first hop to this one, as far as they are kept: expired ones are forgotten after a minute. */
  chain(id: string): Promise<readonly DelegationEntry[]>;
}
