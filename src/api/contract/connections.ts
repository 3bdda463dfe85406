import { z } from 'zod';
import { POWERS } from '../../core/person.ts';
import { done, EVERYONE, get, post, remove } from './route.ts';
import { time } from './scalars.ts';

const upstream = z.string().min(1).max(63);
/** Of the person who asks, or of the gateway itself, which only an admin connects. */
const holder = z.enum(['me', 'gateway']);
const scope = z.string().max(1_000);

export const connection = z
  .strictObject({
    upstream,
    holder,
    /** Null where nobody has connected it for this holder. */
    made: z
      .strictObject({
        issuer: z.string(),
        client_id: z.string(),
        scope,
        /** Its tokens are bound to a key. */
        dpop: z.boolean(),
        /** Without it the connection ends with its access token. */
        renewable: z.boolean(),
        made_at: time,
        access_expires_at: time.nullable(),
      })
      .nullable(),
  })
  .meta({ id: 'Connection' });

export const connectionRoutes = {
  'connections.list': get({
    path: '/api/connections',
    summary:
      'Servers at which you can sign in, or have, so that agents act there in your name; and the gateway itself.',
    roles: EVERYONE,
    response: z.strictObject({ connections: z.array(connection) }),
  }),
  'connections.begin': post({
    path: '/api/connections',
    summary: 'Find out where you sign in for a server. The answer is the address that your browser opens.',
    roles: POWERS.lend,
    body: z.strictObject({ upstream, holder: holder.default('me') }),
    response: z.strictObject({ url: z.string(), issuer: z.string(), scope: scope.nullable(), expires_at: time }),
  }),
  'connections.finish': post({
    path: '/api/connections/finish',
    summary: 'What the authorization server sent your browser back with. Once, and by who began.',
    roles: POWERS.lend,
    body: z.strictObject({
      state: z.string().max(200),
      code: z.string().max(4_096).optional(),
      error: z.string().max(200).optional(),
      iss: z.string().max(2_048).optional(),
    }),
    response: connection,
  }),
  'connections.end': remove({
    path: '/api/connections/:holder/:upstream',
    summary: 'End a connection: its tokens are forgotten, from the next call on.',
    roles: POWERS.lend,
    params: z.strictObject({ holder, upstream }),
    response: done,
  }),
} as const;

export type Connection = z.infer<typeof connection>;
