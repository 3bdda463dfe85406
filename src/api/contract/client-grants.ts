import { z } from 'zod';
import { POWERS } from '../../core/person.ts';
import { done, EVERYONE, get, post, remove } from './route.ts';
import { name, time } from './scalars.ts';

/** As the authorization server names what is under way. */
const request = z.string().regex(/^[A-Za-z0-9_-]{10,64}$/);
const user_code = z.string().min(4).max(32);

/** What a client asks of a person. Its name is its own word; `host` vouches for it, where there is one. */
export const consentQuestion = z
  .strictObject({
    flow: z.enum(['browser', 'device']),
    client: z.strictObject({
      id: z.string(),
      name: z.string(),
      host: z.string().nullable(),
      returns_to: z.string().nullable(),
    }),
    /** What this person may give it; empty where nothing. */
    jobs: z.array(z.string()),
    asked_job: z.string().nullable(),
    resource: z.string(),
    agent: z.string(),
    expires_at: time,
  })
  .meta({ id: 'ConsentQuestion' });

const verdict = z.discriminatedUnion('allow', [
  z.strictObject({ allow: z.literal(true), job: name }),
  z.strictObject({ allow: z.literal(false) }),
]);
const body = z.strictObject({ verdict });

export const clientGrant = z
  .strictObject({
    id: z.string(),
    client: z.string(),
    agent: z.string(),
    job: z.string(),
    person: z.string(),
    granted_at: time,
    expires_at: time,
  })
  .meta({ id: 'ClientGrant' });

export const clientGrantRoutes = {
  'client_grants.ask': get({
    path: '/api/client-grants/requests/:request',
    summary: 'What a client asks of whoever is signed in.',
    roles: EVERYONE,
    params: z.strictObject({ request }),
    response: consentQuestion,
  }),
  'client_grants.answer': post({
    path: '/api/client-grants/requests/:request',
    summary: 'Let the client act for the person who answers, in one job, or not. Says where the browser goes next.',
    roles: POWERS.consent,
    params: z.strictObject({ request }),
    body,
    response: z.strictObject({ next: z.string() }),
  }),
  'client_grants.device': get({
    path: '/api/client-grants/devices/:user_code',
    summary: 'What the device that shows this code asks of whoever is signed in.',
    roles: EVERYONE,
    params: z.strictObject({ user_code }),
    response: consentQuestion,
  }),
  'client_grants.answer_device': post({
    path: '/api/client-grants/devices/:user_code',
    summary: 'Let the device act for the person who answers, in one job, or not.',
    roles: POWERS.consent,
    params: z.strictObject({ user_code }),
    body,
    response: done,
  }),
  'client_grants.list': get({
    path: '/api/client-grants',
    summary: 'What people let clients do: everybody’s for those who review people, else one’s own.',
    roles: EVERYONE,
    response: z.strictObject({ grants: z.array(clientGrant) }),
  }),
  'client_grants.end': remove({
    path: '/api/client-grants/:grant',
    summary: 'End what a client was let do, with its run and its tokens: an admin anybody’s, everybody their own.',
    roles: POWERS.consent,
    params: z.strictObject({ grant: request }),
    response: done,
  }),
} as const;

export type ConsentQuestion = z.infer<typeof consentQuestion>;
export type ClientGrant = z.infer<typeof clientGrant>;
