import { z } from 'zod';
import { EVERYONE, get } from './route.ts';
import { digest, time } from './scalars.ts';

export const upstream = z
  .strictObject({
    server: z.string(),
    /** `idle`: nothing is open. `ready`: in use. `waiting`: it failed and is tried again. */
    state: z.enum(['idle', 'ready', 'waiting']),
    /** Eras of MCP that it was found to speak. */
    eras: z.array(z.string()),
    sessions: z.number().int(),
    restarts: z.number().int(),
    dropped: z.number().int(),
    last_error: z.string().nullable(),
    /** Whether an agent could reach it around the gateway. */
    exposure: z.enum(['enclosed', 'bypassable']),
    /** Why, and how to close that way. */
    exposure_note: z.string(),
  })
  .meta({ id: 'Upstream' });

/** Something that is wrong now, with what to do about it. */
export const fault = z
  .strictObject({ code: z.string(), what: z.string(), remedy: z.string(), since: time.nullable() })
  .meta({ id: 'Fault' });

/** Something that waits for a person. */
export const waiting = z
  .strictObject({ kind: z.enum(['proposal', 'setup', 'approval', 'tool']), what: z.string(), command: z.string() })
  .meta({ id: 'Waiting' });

export const status = z
  .strictObject({
    mode: z.enum(['enforcing', 'observing']),
    /** When observing ends by itself. */
    observing_until: time.nullable(),
    build: z.string(),
    started_at: time,
    now: time,
    replica: z.strictObject({
      id: z.string(),
      epoch: z.number().int(),
      leased: z.boolean(),
      state_version: z.number().int(),
    }),
    storage: z.string(),
    upstreams: z.array(upstream),
    log: z.strictObject({
      state: z.enum(['writing', 'unavailable', 'forked']),
      reason: z.string().nullable(),
      origin: z.string(),
      size: z.number().int(),
      root: digest,
      /** When the newest checkpoint was signed. */
      checkpoint_at: time.nullable(),
      witnesses: z.array(z.string()),
    }),
    policy: z.strictObject({
      set: digest,
      policies: z.number().int(),
      activated_at: time,
      activated_by: z.string(),
    }),
    in_flight: z.number().int(),
    stops: z.number().int(),
    waiting: z.array(waiting),
    wrong: z.array(fault),
    addresses: z.strictObject({ agents: z.string(), people: z.string() }),
  })
  .meta({ id: 'Status' });

export const statusRoutes = {
  status: get({
    path: '/api/status',
    summary: 'Enforcing or observing, what waits for a person, what is wrong.',
    roles: EVERYONE,
    response: status,
  }),
} as const;

export type Status = z.infer<typeof status>;
export type Upstream = z.infer<typeof upstream>;
export type Fault = z.infer<typeof fault>;
export type Waiting = z.infer<typeof waiting>;
