import { z } from 'zod';
import { POWERS } from '../../core/person.ts';
import { done, EVERYONE, get, post, remove } from './route.ts';
import { code, json, name, password, personId, role, time } from './scalars.ts';

const roles = z.array(role).min(1);

export const me = z
  .strictObject({
    /** `person:<id>`, or `local` over the control socket: as in receipts. */
    by: z.string(),
    name: z.string(),
    roles,
    /** Whether an authenticator is enrolled. Without one nothing that needs presence can be done. */
    authenticator: z.boolean(),
    /** How many passkeys are enrolled. */
    passkeys: z.number().int(),
    /** Whether the company's provider says who it is. */
    company: z.boolean(),
    /** Until when the last proof of presence counts. */
    present_until: time.nullable(),
  })
  .meta({ id: 'Me' });

export const person = z
  .strictObject({
    id: z.string(),
    name: z.string(),
    /** Empty where the company's groups give none any more. */
    roles: z.array(role),
    authenticator: z.boolean(),
    passkeys: z.number().int(),
    company: z.boolean(),
    added_at: time,
  })
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

const passkey = z
  .strictObject({
    id: z.string(),
    name: z.string(),
    added_at: time,
    used_at: time.nullable(),
    /** Whether an account keeps it, and not one device alone. */
    synced: z.boolean(),
  })
  .meta({ id: 'Passkey' });

/** For `PublicKeyCredential.parseCreationOptionsFromJSON` and `…RequestOptionsFromJSON`. */
const question = z.strictObject({ question: z.record(z.string(), json) }).meta({ id: 'PasskeyQuestion' });
/** What `PublicKeyCredential.toJSON` gives. */
const answer = z.record(z.string(), json);
/** Where the browser goes. It comes back to `/signed-in` of the console. */
const elsewhere = z.strictObject({ url: z.string() }).meta({ id: 'Elsewhere' });
const returned = z.strictObject({ query: z.string().min(1).max(4_096).describe('The query that it came back with.') });
const passkeyId = z
  .string()
  .min(1)
  .max(1_400)
  .regex(/^[\w-]+$/, 'base64url');

export const peopleRoutes = {
  'session.options': get({
    path: '/api/sign-in',
    summary: 'How people may sign in here.',
    roles: 'anyone',
    response: z
      .strictObject({
        /** What the company is called, where its OpenID provider is configured. */
        company: z.string().nullable(),
        /** The one origin at which passkeys work, where there is one. */
        passkeys_at: z.string().nullable(),
      })
      .meta({ id: 'SignInOptions' }),
  }),
  'session.company': post({
    path: '/api/sign-in/company',
    summary: "Begin to sign in through the company's OpenID provider.",
    roles: 'anyone',
    response: elsewhere,
  }),
  'session.company.return': post({
    path: '/api/sign-in/company/return',
    summary: "Finish signing in with what the company's provider sent the browser back with.",
    roles: 'anyone',
    body: returned,
    response: me,
  }),
  'session.passkey': post({
    path: '/api/sign-in/passkey',
    summary: 'Begin to sign in with a passkey.',
    roles: 'anyone',
    response: question,
  }),
  'session.passkey.answer': post({
    path: '/api/sign-in/passkey/answer',
    summary: 'Sign in with what a passkey answered.',
    roles: 'anyone',
    body: z.strictObject({ answer }),
    response: me,
  }),
  'me.present.company': post({
    path: '/api/me/presence/company',
    summary: "Begin to show presence: the company's provider asks for the person anew.",
    roles: EVERYONE,
    response: elsewhere,
  }),
  'me.present.company.return': post({
    path: '/api/me/presence/company/return',
    summary: "Finish showing presence with what the company's provider sent the browser back with.",
    roles: EVERYONE,
    body: returned,
    response: me,
  }),
  'me.present.passkey': post({
    path: '/api/me/presence/passkey',
    summary: 'Begin to show presence with a passkey.',
    roles: EVERYONE,
    response: question,
  }),
  'me.present.passkey.answer': post({
    path: '/api/me/presence/passkey/answer',
    summary: 'Show presence with what a passkey answered.',
    roles: EVERYONE,
    body: z.strictObject({ answer }),
    response: me,
  }),
  'me.passkeys': get({
    path: '/api/me/passkeys',
    summary: 'Your passkeys.',
    roles: EVERYONE,
    response: z.strictObject({ passkeys: z.array(passkey) }),
  }),
  'me.passkeys.begin': post({
    path: '/api/me/passkeys/question',
    summary: 'Begin to enrol a passkey.',
    roles: EVERYONE,
    response: question,
  }),
  'me.passkeys.add': post({
    path: '/api/me/passkeys',
    summary: 'Enrol the passkey that was made.',
    roles: EVERYONE,
    body: z.strictObject({ name: z.string().min(1).max(64), answer }),
    response: me,
  }),
  'me.passkeys.remove': remove({
    path: '/api/me/passkeys/:passkey',
    summary: 'Remove a passkey of yours.',
    roles: EVERYONE,
    presence: true,
    params: z.strictObject({ passkey: passkeyId }),
    response: me,
  }),
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
    roles: POWERS.administer,
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
    roles: POWERS.review,
    response: z.strictObject({ people: z.array(person) }),
  }),
  'people.add': post({
    path: '/api/people',
    summary: 'Make a set-up link for one more person; it works once, for ten minutes.',
    roles: POWERS.administer,
    presence: true,
    body: z.strictObject({ roles }),
    response: setupLink,
  }),
  'people.change': post({
    path: '/api/people/:person/roles',
    summary: "Change a person's roles; their sessions end.",
    roles: POWERS.administer,
    presence: true,
    params: z.strictObject({ person: personId }),
    body: z.strictObject({ roles }),
    response: done,
  }),
  'people.remove': remove({
    path: '/api/people/:person',
    summary: 'Remove a person: their sessions end, what they let clients do, and every run in their name.',
    roles: POWERS.administer,
    presence: true,
    params: z.strictObject({ person: personId }),
    response: done,
  }),
} as const;

export type Me = z.infer<typeof me>;
export type Passkey = z.infer<typeof passkey>;
export type PersonEntry = z.infer<typeof person>;
