import { z } from 'zod';
import { EVERYONE, get, post } from './route.ts';
import { digest, time } from './scalars.ts';

export const policyText = z
  .strictObject({
    id: z.string(),
    effect: z.enum(['permit', 'forbid']),
    reason: z.string(),
    public: z.string().nullable(),
    file: z.string(),
    line: z.number().int(),
    text: z.string(),
  })
  .meta({ id: 'Policy' });

/** A set of policies that waits for someone to activate it. */
export const proposal = z
  .strictObject({
    set: digest,
    proposed_at: time,
    proposed_by: z.string(),
    /** Why a person must look: an edit that widens waits, one that narrows does not. */
    why: z.string(),
    added: z.array(policyText),
    removed: z.array(policyText),
    changed: z.array(z.strictObject({ before: policyText, after: policyText })),
  })
  .meta({ id: 'Proposal' });

export const activeSet = z
  .strictObject({
    set: digest,
    activated_at: time.nullable(),
    activated_by: z.string().nullable(),
    policies: z.array(policyText),
  })
  .meta({ id: 'PolicySet' });

export const policyRoutes = {
  policy: get({
    path: '/api/policy',
    summary: 'The active policy set and the proposals that wait.',
    roles: EVERYONE,
    response: z.strictObject({ active: activeSet, proposals: z.array(proposal) }),
  }),
  'policy.activate': post({
    path: '/api/policy/activate',
    summary: 'Activate a policy set by its digest.',
    roles: ['administrator'],
    presence: true,
    body: z.strictObject({ set: digest.min(8), reason: z.string().min(1).max(500) }),
    response: activeSet,
  }),
} as const;

export type PolicyText = z.infer<typeof policyText>;
export type Proposal = z.infer<typeof proposal>;
export type ActiveSet = z.infer<typeof activeSet>;
