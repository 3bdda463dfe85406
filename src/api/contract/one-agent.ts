import { z } from 'zod';
import { POWERS } from '../../core/person.ts';
import { agent, jwk } from './agents.ts';
import { EVERYONE, get, post } from './route.ts';
import { name, time } from './scalars.ts';
import { PART_STATES } from './tools.ts';

const oneAgent = z.strictObject({ agent: name });

export const agentTools = z
  .strictObject({
    job: z.string(),
    /** In its own name, with its key, for no purpose. A call's arguments may still be refused. */
    tools: z.array(z.strictObject({ server: z.string(), name: z.string(), state: z.enum(PART_STATES) })),
    /** How many tools policy hides from it. */
    hidden: z.number().int(),
  })
  .meta({ id: 'AgentTools' });

const counts = {
  permitted: z.number().int(),
  refused: z.number().int(),
  held: z.number().int(),
  /** Of those permitted: what then failed, was withheld or was cut. */
  failed: z.number().int(),
};

export const agentActivity = z
  .strictObject({
    ...counts,
    /** Beginning of the first hour. Later than a day ago where the log was not read back that far. */
    since: time,
    /** Whether the log was read back for the whole day. */
    whole: z.boolean(),
    /** Log entries that were read. */
    scanned: z.number().int(),
    hours: z.array(z.strictObject({ from: time, ...counts })),
    last_at: time.nullable(),
  })
  .meta({ id: 'AgentActivity' });

export const agentWorkload = z
  .strictObject({
    kind: z.enum(['token', 'svid', 'socket']),
    /** The issuer, or the trust domain. */
    from: z.string(),
    /** What must hold of it: every claim of a token, or the one SPIFFE ID or socket that it is known by. */
    when: z.array(z.string()).min(1),
    /** The one job of its runs; null where it may be any that the agent is registered for. */
    job: z.string().nullable(),
  })
  .meta({ id: 'AgentWorkload' });

/** One agent as a person looks at it: what it may see, what it did, and another key for it. */
export const oneAgentRoutes = {
  'agents.tools': get({
    path: '/api/agents/:agent/tools',
    summary: 'Tools that policy does not hide from an agent in one of its jobs. Asks no server.',
    roles: EVERYONE,
    params: oneAgent,
    query: z.strictObject({ job: name.optional() }),
    response: agentTools,
  }),
  'agents.activity': get({
    path: '/api/agents/:agent/activity',
    summary: 'What an agent asked for in the last 24 hours, counted by the hour from the log.',
    roles: EVERYONE,
    params: oneAgent,
    response: agentActivity,
  }),
  'agents.workloads': get({
    path: '/api/agents/:agent/workloads',
    summary: 'Which workloads of other issuers and trust domains are this agent, by the rules of the configuration.',
    roles: EVERYONE,
    params: oneAgent,
    response: z.strictObject({ workloads: z.array(agentWorkload) }).meta({ id: 'AgentWorkloads' }),
  }),
  'agents.rotate': post({
    path: '/api/agents/:agent/key',
    summary:
      'Give an agent another key; without a public key, one is made and its private half shown once. What it got with the old key ends.',
    roles: POWERS.administer,
    presence: true,
    params: oneAgent,
    body: z.strictObject({ public_key: jwk.optional() }),
    response: z.strictObject({ agent, private_key: jwk.nullable() }),
  }),
} as const;

export type AgentTools = z.infer<typeof agentTools>;
export type AgentActivity = z.infer<typeof agentActivity>;
export type AgentWorkload = z.infer<typeof agentWorkload>;
