import { z } from 'zod';
import { POWERS } from '../../core/person.ts';
import { done, get, post } from './route.ts';
import { time } from './scalars.ts';

export const signingKey = z
  .strictObject({
    kid: z.string(),
    added_at: time,
    used_at: time,
    /** When its replacement was ordered; null while none was. */
    retired_at: time.nullable(),
    /** Whether the replica that was asked signs with it now. */
    signs: z.boolean(),
  })
  .meta({ id: 'SigningKey' });

export const keyRoutes = {
  'keys.list': get({
    path: '/api/keys',
    summary: 'The keys that sign tokens and delegations: one for each replica, and those before them that still count.',
    roles: POWERS.read,
    response: z.strictObject({ keys: z.array(signingKey) }),
  }),
  'keys.rotate': post({
    path: '/api/keys/rotate',
    summary:
      'Replace the signing key of every replica: published now, signing in five minutes. Compromised ones count no more from now on.',
    roles: POWERS.administer,
    presence: true,
    body: z.strictObject({ compromised: z.boolean().default(false) }),
    response: done,
  }),
} as const;

export type SigningKey = z.infer<typeof signingKey>;
