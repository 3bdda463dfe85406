import { z } from 'zod';
import { POWERS } from '../../core/person.ts';
import { done, EVERYONE, get, post, remove } from './route.ts';
import { time } from './scalars.ts';

export const VAULT_KINDS = ['api_key', 'basic', 'bearer', 'oauth_refresh', 'database_password', 'header_set'] as const;

const entryName = z
  .string()
  .regex(/^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/, 'lower-case letters, digits and inner hyphens');
const words = z.array(z.string().min(1).max(256)).max(64);
const oauth = z.strictObject({
  token_endpoint: z.string().max(2_048),
  client_id: z.string().min(1).max(1_024),
  scope: z.string().max(1_024).nullable(),
});
/** A connection says more of where it is renewed, and is not set here. */
const heldOauth = oauth.extend({
  issuer: z.string().optional(),
  method: z.string().optional(),
  resource: z.string().optional(),
  dpop: z.boolean().optional(),
  named: z.boolean().optional(),
});

/** What is known of an entry without opening it. There is no route that reads what it holds. */
export const vaultEntry = z
  .strictObject({
    id: z.string(),
    name: entryName,
    kind: z.enum([...VAULT_KINDS, 'connection']),
    version: z.number().int(),
    agents: words,
    jobs: words,
    users: words,
    hosts: words,
    programs: words,
    header: z.string().nullable(),
    oauth: heldOauth.nullable(),
    expires_at: time.nullable(),
    set_by: z.string(),
    set_at: time,
    rotated_at: time.nullable(),
    used_at: time.nullable(),
    access_expires_at: time.nullable(),
  })
  .meta({ id: 'VaultEntry' });

/** Checked by the vault, whose sentences quote nothing of it. */
const secret = z.string().min(1).max(16_384);

export const vaultRoutes = {
  'vault.list': get({
    path: '/api/vault',
    summary: 'Entries of the vault, without what they hold.',
    roles: EVERYONE,
    response: z.strictObject({ entries: z.array(vaultEntry), problem: z.string().nullable() }),
  }),
  'vault.show': get({
    path: '/api/vault/:name',
    summary: 'One entry of the vault, without what it holds.',
    roles: EVERYONE,
    params: z.strictObject({ name: entryName }),
    response: vaultEntry,
  }),
  'vault.set': post({
    path: '/api/vault',
    summary: 'Set an entry of the vault, or another one in its place. What it holds is never given back.',
    roles: POWERS.administer,
    presence: true,
    body: z.strictObject({
      name: entryName,
      kind: z.enum(VAULT_KINDS),
      secret,
      agents: words,
      jobs: words.optional(),
      users: words.optional(),
      hosts: words.optional(),
      programs: words.optional(),
      header: z.string().max(64).optional(),
      oauth: oauth.optional(),
      expires_at: time.optional(),
    }),
    response: vaultEntry,
  }),
  'vault.rotate': post({
    path: '/api/vault/:name/rotate',
    summary: 'Give an entry of the vault another secret under the same terms.',
    roles: POWERS.administer,
    presence: true,
    params: z.strictObject({ name: entryName }),
    body: z.strictObject({ secret }),
    response: vaultEntry,
  }),
  'vault.remove': remove({
    path: '/api/vault/:name',
    summary: 'Remove an entry of the vault; programs that were given it are ended.',
    roles: POWERS.administer,
    presence: true,
    params: z.strictObject({ name: entryName }),
    response: done,
  }),
} as const;

export type VaultEntry = z.infer<typeof vaultEntry>;
