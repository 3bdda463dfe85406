import type { JsonObject } from './json.ts';
import type { AgentFacts, Credential, EntityRef, Principal, Run } from './principal.ts';
import type { RefusalCode } from './refusal.ts';

/** One thing that an exchange asks for. All accesses of an exchange must be permitted. */
export type Access = {
  /** Cedar action id: `tool.call`, `resource.read`, `prompt.get`, `sampling.create` … */
  action: string;
  resource: EntityRef;
  /** The arguments as they arrived, parsed; policy maps them by the registered schema of `resource`. */
  args: JsonObject;
};

/** All that policy may look at. Facts come from identity and the run, never from what a request says of itself. */
export type DecisionRequest = {
  principal: Principal;
  agent: AgentFacts;
  credential: Credential;
  run: Run;
  protocol: string;
  access: Access;
};

/** A condition put on a permit: `@mask("email, phone")` is `{name: 'mask', value: 'email, phone', policy}`. */
export type Obligation = { name: string; value: string; policy: string };

/** What a determining policy says of itself. `public` may cross the wire; `reason` and `at` (`file:line`) may not. */
export type PolicyNote = { id: string; reason: string; public: string | undefined; at: string };

/** Why it is a deny, as the code that the refusal carries. */
export type DenialCode = Extract<
  RefusalCode,
  'policy_denied' | 'policy_error' | 'argument_unmapped' | 'arguments_invalid' | 'delegation_exceeded'
>;

/** `failed`: the set beside could not be asked. `isUndecided`: no policy of it speaks of the request. */
export type Beside = { set: string; effect: 'permit' | 'deny' | 'hold' | 'failed'; isUndecided: boolean };

export type Decision = {
  effect: 'permit' | 'deny' | 'hold';
  /** Set exactly where the effect is `deny`. */
  code: DenialCode | undefined;
  /** For the operator: which policies, where they stand, which clauses failed and what they saw. Sealed like a payload. */
  summary: string;
  /** Ids of the policies that determined it; for an implicit deny, `default-deny` alone. */
  policies: readonly string[];
  notes: readonly PolicyNote[];
  /** Policies in scope that failed to evaluate, with the error. */
  errors: readonly { policy: string; message: string }[];
  obligations: readonly Obligation[];
  /** Public sentences of permits in scope that were not satisfied: what would be allowed instead. */
  hints: readonly string[];
  /** Outcomes of `@shadow` policies, recorded and never enforced. */
  shadow: readonly { policy: string; satisfied: boolean }[];
  /** What a set that runs beside says, recorded and never enforced; absent where none does. */
  beside?: Beside | undefined;
  /** Digest of the policy set that decided. */
  set: string;
  /** Where nothing but temporary privilege permits it: by which grants, and until when by the database's clock. */
  rests_on?: { grants: readonly string[]; until: number };
};
