import { z } from 'zod';
import { POWERS } from '../../core/person.ts';
import { EVERYONE, get, post } from './route.ts';
import { digest, reason, time } from './scalars.ts';

export const policyEntry = z
  .strictObject({
    id: z.string(),
    effect: z.enum(['permit', 'forbid']),
    file: z.string(),
    line: z.number().int(),
    reason: z.string(),
    public: z.string().nullable(),
    /** Cedar, as it stands in its file. */
    text: z.string(),
    /** False where cedar-wasm evaluates it instead of the compiled form. */
    compiled: z.boolean(),
  })
  .meta({ id: 'Policy' });

export const policyProblem = z
  .strictObject({
    severity: z.enum(['error', 'warning']),
    file: z.string(),
    line: z.number().int(),
    column: z.number().int(),
    policy: z.string().nullable(),
    message: z.string(),
    help: z.string().nullable(),
  })
  .meta({ id: 'PolicyProblem' });

/** An edit that may widen what is permitted; it waits for someone to activate it. */
export const proposal = z
  .strictObject({
    set: digest,
    proposed_at: time,
    /** `person:<id>`, `local`, or `folder` where nobody is known but that they could write there. */
    proposed_by: z.string(),
    added: z.array(z.string()),
    removed: z.array(z.string()),
    /** Why it may widen, a sentence each. */
    widens: z.array(z.string()),
    /** What is to be approved: each policy's text before and after, null where there is none. */
    changes: z.array(z.strictObject({ id: z.string(), before: z.string().nullable(), after: z.string().nullable() })),
  })
  .meta({ id: 'Proposal' });

export const activeSet = z
  .strictObject({ set: digest, activated_at: time, activated_by: z.string(), why: z.string() })
  .meta({ id: 'PolicySet' });

export const policyRoutes = {
  policy: get({
    path: '/api/policy',
    summary: 'The active policy set, its policies, what is wrong with the files, and the proposals that wait.',
    roles: EVERYONE,
    response: z
      .strictObject({
        active: activeSet,
        evaluator: z.enum(['compiled', 'cedar-wasm']),
        policies: z.array(policyEntry),
        problems: z.array(policyProblem),
        proposals: z.array(proposal),
      })
      .meta({ id: 'PolicyState' }),
  }),
  'policy.activate': post({
    path: '/api/policy/activate',
    summary: 'Activate a policy set by its digest.',
    roles: POWERS.approve,
    presence: true,
    body: z.strictObject({ set: digest.min(8), reason }),
    response: activeSet,
  }),
} as const;

export type PolicyEntry = z.infer<typeof policyEntry>;
export type PolicyProblem = z.infer<typeof policyProblem>;
export type Proposal = z.infer<typeof proposal>;
export type ActiveSet = z.infer<typeof activeSet>;
