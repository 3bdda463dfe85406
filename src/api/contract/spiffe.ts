import { z } from 'zod';
import { POWERS } from '../../core/person.ts';
import { done, EVERYONE, get, post } from './route.ts';
import { json, name, time } from './scalars.ts';

export const trustDomain = z
  .strictObject({
    trust_domain: z.string(),
    authorities: z.array(
      z.strictObject({
        kid: z.string(),
        added_at: time,
        /** When it begins to sign. */
        active_at: time,
        expires_at: time,
        /** Whether the replica that was asked signs with it now. */
        signs: z.boolean(),
      }),
    ),
    /** The gateway's own SVID; `rotations` since it started. */
    svid: z.strictObject({
      id: z.string(),
      thumbprint: z.string(),
      issued_at: time,
      expires_at: time,
      rotations: z.number().int(),
    }),
    federated: z.array(
      z.strictObject({
        trust_domain: z.string(),
        source: z.string(),
        read_at: time.nullable(),
        /** Why the last reading failed. */
        problem: z.string().nullable(),
      }),
    ),
    /** SVIDs that were refused, the newest first. */
    refusals: z.array(z.strictObject({ at: time, code: z.string(), reason: z.string() })),
  })
  .meta({ id: 'TrustDomain' });

export const spiffeRoutes = {
  'spiffe.status': get({
    path: '/api/spiffe',
    summary: 'The trust domain: its authorities, the gateway’s own SVID, bundles of others, SVIDs that were refused.',
    roles: POWERS.read,
    response: trustDomain,
  }),
  'spiffe.bundle': get({
    path: '/api/spiffe/bundle',
    summary: 'The trust domain’s bundle, for others to verify our SVIDs with.',
    roles: EVERYONE,
    response: z.record(z.string(), json),
  }),
  'spiffe.rotate': post({
    path: '/api/spiffe/rotate',
    summary: 'Renew the gateway’s own SVID now, or make the next authority, which signs after the overlap.',
    roles: POWERS.administer,
    body: z.strictObject({ what: z.enum(['svid', 'authority']) }),
    response: done,
  }),
  'spiffe.join_token': post({
    path: '/api/spiffe/join-tokens',
    summary: 'Make a joining token: one SVID of this agent for whoever brings it, once, within ten minutes.',
    roles: POWERS.administer,
    body: z.strictObject({ agent: name, job: name.optional() }),
    response: z.strictObject({ secret: z.string(), expires_at: time }),
  }),
} as const;

export type TrustDomain = z.infer<typeof trustDomain>;
