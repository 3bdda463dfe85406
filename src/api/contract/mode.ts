import { z } from 'zod';
import { POWERS } from '../../core/person.ts';
import { post } from './route.ts';
import { reason, time } from './scalars.ts';

/** Enforcing, or observing until some time: what policy refuses is then let through and recorded as refused. */
export const modeState = z
  .strictObject({
    mode: z.enum(['enforcing', 'observing']),
    /** When observing ends by itself; null while it enforces. */
    until: time.nullable(),
    since: time.nullable(),
    by: z.string().nullable(),
    reason: z.string().nullable(),
  })
  .meta({ id: 'Mode' });

export const modeRoutes = {
  'mode.observe': post({
    path: '/api/mode/observe',
    summary:
      'Let through what policy refuses, and record it as refused, for a day at most. Never softens identity, stops, pins, the vault, egress, delegations, approvals or recording.',
    roles: POWERS.approve,
    presence: true,
    body: z.strictObject({
      /** 1 to 1440: a day. */
      minutes: z.number().int().min(1).max(1_440),
      reason,
    }),
    response: modeState,
  }),
  'mode.enforce': post({
    path: '/api/mode/enforce',
    summary: 'Enforce policy again.',
    roles: POWERS.stop,
    body: z.strictObject({ reason: reason.optional() }),
    response: modeState,
  }),
} as const;

export type Mode = z.infer<typeof modeState>;
