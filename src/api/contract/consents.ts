import { z } from 'zod';
import { POWERS } from '../../core/person.ts';
import { done, EVERYONE, get, post, remove } from './route.ts';
import { time } from './scalars.ts';

const upstream = z.string().min(1).max(63);

export const consent = z
  .strictObject({
    upstream,
    /** SHA-256 of the client at that server: another one is not covered by it. */
    client: z.string(),
    given_at: time,
  })
  .meta({ id: 'Consent' });

export const consentRoutes = {
  'consents.list': get({
    path: '/api/consents',
    summary: 'Servers at which the gateway’s client may act in your name.',
    roles: EVERYONE,
    response: z.strictObject({ consents: z.array(consent) }),
  }),
  'consents.give': post({
    path: '/api/consents',
    summary: 'Let the gateway’s client at a server act in your name, for agents that act in it.',
    roles: POWERS.lend,
    body: z.strictObject({
      upstream,
      /** Of the company's identity provider, for a server whose tokens are got by it. */
      id_token: z.string().min(1).max(16_384).optional(),
    }),
    response: consent,
  }),
  'consents.withdraw': remove({
    path: '/api/consents/:upstream',
    summary: 'Take that back, from the next call on.',
    roles: POWERS.lend,
    params: z.strictObject({ upstream }),
    response: done,
  }),
} as const;

export type Consent = z.infer<typeof consent>;
