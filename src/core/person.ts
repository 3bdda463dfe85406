/** People who look after the gateway. A person may hold several roles, as far as `people.separation` allows. */
export const ROLES = ['admin', 'approver', 'auditor', 'data-owner', 'viewer'] as const;
export type Role = (typeof ROLES)[number];

export type Person = { id: string; name: string; roles: readonly Role[] };

/**
 * Who may do what: the one table that routes refer to. No role is a step of a ladder: an admin runs the gateway but does
 * not decide what waits for a decision; an approver decides, and hands out nothing.
 */
export const POWERS = {
  /** What there is and how it stands, without names of resources or arguments. */
  see: ['admin', 'approver', 'auditor', 'data-owner', 'viewer'],
  /** Names and arguments too; each reading leaves a receipt. */
  read: ['admin', 'approver', 'auditor', 'data-owner'],
  /** Who the people are. */
  review: ['admin', 'auditor'],
  /** Stop what acts, and end runs: whoever can be asked for a yes can say stop. */
  stop: ['admin', 'approver', 'data-owner'],
  /** Lift stops, register agents, hand out and revoke credentials, say who the people are. */
  administer: ['admin'],
  /** Have an agent act in one's own name. Not an auditor: who reads all that was done does nothing. */
  lend: ['admin', 'approver', 'data-owner', 'viewer'],
  /** Let a client act for oneself. An auditor sets nothing to work. */
  consent: ['admin', 'approver', 'data-owner', 'viewer'],
  /** Write what somebody else may then activate: it changes nothing by itself. */
  propose: ['admin', 'approver', 'data-owner'],
  /** Decide what waits: an edit of policy that widens, a changed tool, a held exchange. */
  approve: ['approver'],
} as const satisfies Record<string, readonly Role[]>;
