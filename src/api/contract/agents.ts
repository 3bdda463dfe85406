import { z } from 'zod';
import { done, EVERYONE, get, OPERATORS, post, remove } from './route.ts';
import { count, name, reason, runId, time, tokenId } from './scalars.ts';

export const agent = z
  .strictObject({
    id: z.string(),
    owner: z.string(),
    version: z.string(),
    jobs: z.array(z.string()),
    /** RFC 7638 thumbprint of its key. */
    key: z.string(),
    added_at: time,
    /** The stop that holds it, where one does. */
    stopped_by: z.string().nullable(),
  })
  .meta({ id: 'Agent' });

export const token = z
  .strictObject({
    id: tokenId,
    agent: z.string(),
    job: z.string(),
    issued_at: time,
    expires_at: time,
    revoked_at: time.nullable(),
  })
  .meta({ id: 'Token' });

export const run = z
  .strictObject({
    id: z.string(),
    agent: z.string(),
    job: z.string(),
    opened_by: z.string(),
    opened_at: time,
    expires_at: time,
    ended_at: time.nullable(),
  })
  .meta({ id: 'Run' });

export const STOP_KINDS = ['agent', 'run', 'key', 'token', 'upstream', 'all'] as const;

export const stop = z
  .strictObject({
    stop: z.string(),
    kind: z.enum(STOP_KINDS),
    /** What is stopped; null for `all`. */
    id: z.string().nullable(),
    reason: z.string(),
    by: z.string(),
    since: time,
    /** False while only the replica that was asked knows of it, because the database could not be reached. */
    durable: z.boolean(),
  })
  .meta({ id: 'Stop' });

/** A key as JSON Web Key (RFC 7517); checked by identity, which knows the curves it accepts. */
const jwk = z.record(z.string(), z.string());

export const agentRoutes = {
  'agents.list': get({
    path: '/api/agents',
    summary: 'Registered agents.',
    roles: EVERYONE,
    response: z.strictObject({ agents: z.array(agent) }),
  }),
  'agents.add': post({
    path: '/api/agents',
    summary: 'Register an agent; without a public key, one is made and its private half shown once.',
    roles: ['administrator'],
    body: z.strictObject({
      id: name,
      owner: name,
      jobs: z.array(name).min(1).max(64),
      version: name.optional(),
      public_key: jwk.optional(),
    }),
    response: z.strictObject({ agent, private_key: jwk.nullable() }),
  }),
  'agents.remove': remove({
    path: '/api/agents/:agent',
    summary: 'Remove an agent; what it has in flight is cut.',
    roles: ['administrator'],
    params: z.strictObject({ agent: name }),
    response: done,
  }),
  'tokens.list': get({
    path: '/api/tokens',
    summary: 'Bearer tokens, without their secrets.',
    roles: EVERYONE,
    response: z.strictObject({ tokens: z.array(token) }),
  }),
  'tokens.issue': post({
    path: '/api/tokens',
    summary: 'Issue a bearer token for one job of one agent; the secret is shown once.',
    roles: OPERATORS,
    body: z.strictObject({ agent: name, job: name, days: z.number().int().min(1).max(365) }),
    response: z.strictObject({ token, secret: z.string() }),
  }),
  'tokens.revoke': remove({
    path: '/api/tokens/:token',
    summary: 'Revoke a bearer token.',
    roles: OPERATORS,
    params: z.strictObject({ token: tokenId }),
    response: done,
  }),
  'runs.list': get({
    path: '/api/runs',
    summary: 'Runs, the newest first.',
    roles: EVERYONE,
    query: z.strictObject({ limit: count(500).optional() }),
    response: z.strictObject({ runs: z.array(run) }),
  }),
  'runs.end': remove({
    path: '/api/runs/:run',
    summary: 'End a run; what it has in flight is cut.',
    roles: OPERATORS,
    params: z.strictObject({ run: runId }),
    response: done,
  }),
  'stops.list': get({
    path: '/api/stops',
    summary: 'What is stopped, by whom and why.',
    roles: EVERYONE,
    response: z.strictObject({ stops: z.array(stop) }),
  }),
  'stops.set': post({
    path: '/api/stops',
    summary:
      'Stop an agent, a run, a key, a token, an upstream, or everything. Takes effect at once and cuts what is in flight.',
    roles: OPERATORS,
    body: z.strictObject({ kind: z.enum(STOP_KINDS), id: z.string().min(1).max(200).optional(), reason }),
    response: stop,
  }),
  'stops.lift': remove({
    path: '/api/stops/:stop',
    summary: 'Lift a stop.',
    roles: OPERATORS,
    presence: true,
    params: z.strictObject({ stop: z.string().min(1).max(100) }),
    response: done,
  }),
} as const;

export type Run = z.infer<typeof run>;
export type Agent = z.infer<typeof agent>;
export type Token = z.infer<typeof token>;
export type Stop = z.infer<typeof stop>;
