import { z } from 'zod';
import { POWERS } from '../../core/person.ts';
import { differenceGroup } from './differences.ts';
import { FILES_BYTES_MAX, policySubject } from './policy-analysis.ts';
import { EVERYONE, get, post, READERS, remove } from './route.ts';
import { digest, reason, time } from './scalars.ts';

const DAY_SECONDS = 86_400;
const SECONDS_USUAL = 7 * DAY_SECONDS;
const SECONDS_MAX = 90 * DAY_SECONDS;

export const shadow = z
  .strictObject({
    set: digest,
    since: time,
    /** When it ends, or ended. */
    until: time,
    by: z.string(),
    why: z.string(),
    running: z.boolean(),
  })
  .meta({ id: 'ShadowSet' });

export const shadowRoutes = {
  'policy.shadow': get({
    path: '/api/policy/shadow',
    summary: 'The policy set that runs beside the one that decides, or the last one that did.',
    roles: EVERYONE,
    response: z.strictObject({ shadow: shadow.nullable() }).meta({ id: 'ShadowState' }),
  }),
  'policy.shadow.set': post({
    path: '/api/policy/shadow',
    summary: 'Run a policy set beside the one that decides: recorded in receipts, never enforced, for a while.',
    roles: POWERS.propose,
    body_bytes_max: FILES_BYTES_MAX,
    body: z.strictObject({
      subject: policySubject,
      seconds: z.number().int().min(60).max(SECONDS_MAX).default(SECONDS_USUAL),
      reason,
    }),
    response: shadow,
  }),
  'policy.shadow.clear': remove({
    path: '/api/policy/shadow',
    summary: 'End the policy set beside. What it said stays in the receipts.',
    roles: POWERS.propose,
    response: z.strictObject({ shadow: shadow.nullable() }),
  }),
  'policy.shadow.differences': get({
    path: '/api/policy/shadow/differences',
    summary:
      'What the set beside would have decided otherwise, by agent, resource and argument, counted from receipts.',
    roles: READERS,
    payload: true,
    response: z
      .strictObject({
        shadow: shadow.nullable(),
        /** Decisions that it was asked beside. */
        decisions: z.number().int(),
        newly_denied: differenceGroup,
        newly_permitted: differenceGroup,
        newly_held: differenceGroup,
      })
      .meta({ id: 'ShadowDifferences' }),
  }),
} as const;

export type Shadow = z.infer<typeof shadow>;
