import { z } from 'zod';
import { done, EVERYONE, get, post, remove } from './route.ts';
import { code, name, password, personId, role, time } from './scalars.ts';

const roles = z.array(role).min(1);

export const me = z
  .strictObject({
    /** `person:<id>`, or `local` over the control socket: as in receipts. */
    by: z.string(),
    name: z.string(),
    roles,
    /** Whether an authenticator is enrolled. Without one nothing that needs presence can be done. */
    authenticator: z.boolean(),
    /** Until when the last code counts. */
    present_until: time.nullable(),
  })
  .meta({ id: 'Me' });

export const person = z
  .strictObject({ id: z.string(), name: z.string(), roles, authenticator: z.boolean(), added_at: time })
  .meta({ id: 'Person' });

/** Shown once, while enrolling. */
export const enrolment = z
  .strictObject({
    uri: z.string().describe('otpauth:// address to show as a QR code'),
    secret: z.string().describe('The same secret, base32, to type in'),
  })
  .meta({ id: 'Enrolment' });

/** The secret stands in the fragment, which no server and no log sees. */
const setupLink = z.strictObject({ link: z.string(), expires_at: time }).meta({ id: 'SetupLink' });

export const peopleRoutes = {
  'setup.redeem': post({
    path: '/api/setup',
    summary: 'Make an account from a set-up link and sign in.',
    roles: 'anyone',
    body: z.strictObject({ secret: z.string().min(1).max(200), name, password }),
    response: me,
  }),
  'setup.link': post({
    path: '/api/setup/link',
    summary: 'Make the set-up link of the first account. Refused once there is one: after that, people add people.',
    roles: ['administrator'],
    response: setupLink,
  }),
  'session.open': post({
    path: '/api/sign-in',
    summary: 'Sign in with name and password.',
    roles: 'anyone',
    body: z.strictObject({ name, password: z.string().max(256) }),
    response: me,
  }),
  'session.close': post({ path: '/api/sign-out', summary: 'Sign out.', roles: EVERYONE, response: done }),
  me: get({ path: '/api/me', summary: 'Who is signed in, and what they may do.', roles: EVERYONE, response: me }),
  'me.enrol': post({
    path: '/api/me/authenticator',
    summary: 'Start enrolling an authenticator; the first code completes it.',
    roles: EVERYONE,
    response: enrolment,
  }),
  'me.present': post({
    path: '/api/me/presence',
    summary: 'Show presence with a code of the authenticator.',
    roles: EVERYONE,
    body: z.strictObject({ code }),
    response: me,
  }),
  'people.list': get({
    path: '/api/people',
    summary: 'People and their roles.',
    roles: ['auditor', 'administrator'],
    response: z.strictObject({ people: z.array(person) }),
  }),
  'people.add': post({
    path: '/api/people',
    summary: 'Make a set-up link for one more person; it works once, for ten minutes.',
    roles: ['administrator'],
    presence: true,
    body: z.strictObject({ roles }),
    response: setupLink,
  }),
  'people.change': post({
    path: '/api/people/:person/roles',
    summary: "Change a person's roles; their sessions end.",
    roles: ['administrator'],
    presence: true,
    params: z.strictObject({ person: personId }),
    body: z.strictObject({ roles }),
    response: done,
  }),
  'people.remove': remove({
    path: '/api/people/:person',
    summary: 'Remove a person; their sessions end.',
    roles: ['administrator'],
    presence: true,
    params: z.strictObject({ person: personId }),
    response: done,
  }),
} as const;

export type Me = z.infer<typeof me>;
export type PersonEntry = z.infer<typeof person>;
