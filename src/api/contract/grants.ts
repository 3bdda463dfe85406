import { z } from 'zod';
import { POWERS } from '../../core/person.ts';
import { EVERYONE, get, post } from './route.ts';
import { name, reason, time } from './scalars.ts';

const grantId = z
  .string()
  .regex(/^prv_[0-9a-v]{26}$/)
  .describe('A grant of temporary privilege');

const entity = z.strictObject({ type: z.string().min(1).max(64), id: z.string().min(1).max(600) });

/** A permit that ends by itself. Prohibitions of the policy set hold beside it. */
export const grant = z
  .strictObject({
    id: grantId,
    /** The id by which decisions and receipts name it: `grant:<id>`. */
    policy: z.string(),
    /** Cedar, as it is evaluated. */
    text: z.string(),
    agent: z.string(),
    actions: z.array(z.string()),
    resource: entity,
    /** Cedar condition; null where it has none. */
    when: z.string().nullable(),
    reason: z.string(),
    given_by: z.string(),
    given_at: time,
    expires_at: time,
    /** When it ended, early or by itself; null while it is open. */
    ended_at: time.nullable(),
    ended_by: z.string().nullable(),
    end_reason: z.string().nullable(),
    open: z.boolean(),
  })
  .meta({ id: 'Grant' });

export const grantRoutes = {
  'grants.list': get({
    path: '/api/grants',
    summary: 'Temporary privilege that stands open, soonest end first; with `ended`, also the last 200 that ended.',
    roles: EVERYONE,
    query: z.strictObject({ ended: z.enum(['true', 'false']).default('false') }),
    response: z
      .strictObject({
        grants: z.array(grant),
        /** Longest time that may be given, from the configuration. */
        seconds_max: z.number().int(),
        /** By the database's clock, which decides what has expired. */
        now: time,
      })
      .meta({ id: 'Grants' }),
  }),
  'grants.give': post({
    path: '/api/grants',
    summary: 'Let an agent do one thing for a while. It ends by itself, and lifts no prohibition.',
    roles: POWERS.approve,
    presence: true,
    body: z.strictObject({
      agent: name,
      actions: z.array(z.string().min(1).max(64)).min(1).max(16),
      resource: entity,
      when: z.string().min(1).max(4_000).optional(),
      for_seconds: z.number().int().min(1),
      reason,
    }),
    response: z
      .strictObject({
        grant,
        /** Prohibitions that may still refuse what is given, and names that nobody has registered; a sentence each. */
        warnings: z.array(z.string()),
      })
      .meta({ id: 'GrantGiven' }),
  }),
  'grants.end': post({
    path: '/api/grants/:grant/end',
    summary: 'End temporary privilege early, and cut what rests on it.',
    roles: POWERS.stop,
    params: z.strictObject({ grant: grantId }),
    body: z.strictObject({ reason }),
    response: grant,
  }),
} as const;

export type Grant = z.infer<typeof grant>;
