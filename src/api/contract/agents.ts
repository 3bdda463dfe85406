import { z } from 'zod';
import { POWERS } from '../../core/person.ts';
import { done, EVERYONE, get, post, remove } from './route.ts';
import { count, name, personName, reason, runId, time, tokenId } from './scalars.ts';

export const agent = z
  .strictObject({
    id: z.string(),
    owner: z.string(),
    version: z.string(),
    jobs: z.array(z.string()),
    purposes: z.array(z.string()),
    /** People in whose name it may act without asking them each time. */
    users: z.array(z.string()),
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
    purpose: z.string().nullable(),
    /** Name of the user in whose name. */
    subject: z.string().nullable(),
    /** The delegation that it began with. */
    delegation: z.string().nullable(),
    opened_at: time,
    expires_at: time,
    ended_at: time.nullable(),
  })
  .meta({ id: 'Run' });

const lists = z.array(z.string()).nullable();
export const delegation = z
  .strictObject({
    id: z.string(),
    /** The one by which the lender itself acts. */
    parent: z.string().nullable(),
    /** The agent that lends; null where a user does. */
    lender: z.string().nullable(),
    actor: z.string(),
    run: z.string().nullable(),
    /** Id of the user in whose name. */
    subject: z.string().nullable(),
    /** What is lent; null where it is all that the lender has. */
    scope: z.strictObject({ actions: lists, resources: lists, budgets: z.record(z.string(), z.number()) }),
    depth: z.number().int(),
    issued_at: time,
    expires_at: time,
  })
  .meta({ id: 'Delegation' });

const entries = z.array(z.string().min(1).max(600)).min(1).max(64);

export const STOP_KINDS = ['agent', 'user', 'run', 'delegation', 'key', 'token', 'upstream', 'tool', 'all'] as const;

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
export const jwk = z.record(z.string(), z.string());

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
    roles: POWERS.administer,
    body: z.strictObject({
      id: name,
      owner: name,
      jobs: z.array(name).min(1).max(64),
      purposes: z.array(name).max(64).optional(),
      users: z.array(personName).max(256).optional(),
      version: name.optional(),
      public_key: jwk.optional(),
    }),
    response: z.strictObject({ agent, private_key: jwk.nullable() }),
  }),
  'agents.remove': remove({
    path: '/api/agents/:agent',
    summary: 'Remove an agent; what it has in flight is cut.',
    roles: POWERS.administer,
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
    roles: POWERS.administer,
    body: z.strictObject({ agent: name, job: name, days: z.number().int().min(1).max(365) }),
    response: z.strictObject({ token, secret: z.string() }),
  }),
  'tokens.revoke': remove({
    path: '/api/tokens/:token',
    summary: 'Revoke a bearer token.',
    roles: POWERS.administer,
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
  'runs.show': get({
    path: '/api/runs/:run',
    summary: 'One run, with the delegations that it stands on, from the first to its own.',
    roles: EVERYONE,
    params: z.strictObject({ run: runId }),
    response: z.strictObject({ run, chain: z.array(delegation) }),
  }),
  'runs.start': post({
    path: '/api/runs',
    summary:
      'Open a run of an agent, for a job, a purpose and a user that were granted to it, with a bearer token that is good for this run alone; the secret is shown once.',
    roles: POWERS.administer,
    body: z.strictObject({
      agent: name,
      job: name,
      purpose: name.optional(),
      user: personName.optional(),
      minutes: z.number().int().min(1).max(1_440).optional(),
    }),
    response: z.strictObject({ run, secret: z.string() }),
  }),
  'delegations.list': get({
    path: '/api/delegations',
    summary: 'Delegations that have not expired, the newest first.',
    roles: EVERYONE,
    query: z.strictObject({ limit: count(500).optional() }),
    response: z.strictObject({ delegations: z.array(delegation) }),
  }),
  'delegations.lend': post({
    path: '/api/delegations',
    summary:
      'Let an agent act in your name, as narrow and as short as you say. The grant is shown once, and good in that agent’s hands alone.',
    roles: POWERS.lend,
    body: z.strictObject({
      agent: name,
      actions: entries.optional(),
      resources: entries.optional(),
      budgets: z.record(z.string().max(64), z.number().int().nonnegative()).optional(),
      minutes: z.number().int().min(1).max(1_440).optional(),
    }),
    response: z.strictObject({ delegation, grant: z.string() }),
  }),
  'runs.end': remove({
    path: '/api/runs/:run',
    summary: 'End a run; what it has in flight is cut.',
    roles: POWERS.stop,
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
      'Stop an agent, a user, a run, a delegation with all beneath it, a key, a token, an upstream, or everything. Takes effect at once and cuts what is in flight.',
    roles: POWERS.stop,
    body: z.strictObject({ kind: z.enum(STOP_KINDS), id: z.string().min(1).max(200).optional(), reason }),
    response: stop,
  }),
  'stops.lift': remove({
    path: '/api/stops/:stop',
    summary: 'Lift a stop.',
    roles: POWERS.administer,
    presence: true,
    params: z.strictObject({ stop: z.string().min(1).max(100) }),
    response: done,
  }),
} as const;

export type Run = z.infer<typeof run>;
export type Delegation = z.infer<typeof delegation>;
export type Agent = z.infer<typeof agent>;
export type Token = z.infer<typeof token>;
export type Stop = z.infer<typeof stop>;
