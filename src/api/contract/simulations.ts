import { z } from 'zod';
import { POWERS } from '../../core/person.ts';
import { differenceGroup } from './differences.ts';
import { FILES_BYTES_MAX, policySubject } from './policy-analysis.ts';
import { EVERYONE, get, post, READERS, remove } from './route.ts';
import { digest, name, time } from './scalars.ts';

const simulationId = z
  .string()
  .regex(/^sim_[0-9a-v]{26}$/)
  .describe('A simulation');

const result = z
  .strictObject({
    /** Exchanges that were decided, and how many different requests they made of policy. */
    decisions: z.number().int(),
    distinct: z.number().int(),
    unchanged: z.number().int(),
    /** Of those unchanged, how many by other policies, or with other errors. */
    by_others: z.number().int(),
    /** Of the differences, how many the active set makes as well: activating the candidate brings them about no more. */
    already: z.number().int(),
    newly_denied: differenceGroup,
    newly_permitted: differenceGroup,
    newly_held: differenceGroup,
    /** Decisions that cannot be made again, by what is missing: `erased`, `run` … */
    not_replayable: z.record(z.string(), z.number().int()),
  })
  .meta({ id: 'SimulationResult' });

export const simulation = z
  .strictObject({
    id: simulationId,
    state: z.enum(['running', 'done', 'failed', 'cancelled']),
    /** Digest of the set that is tried, and of the one that was active when it began. */
    set: digest,
    active: digest,
    since: time,
    agent: z.string().nullable(),
    started_at: time,
    started_by: z.string(),
    ended_at: time.nullable(),
    /** Entries of the log read so far, of how many; and differences found among them. */
    progress: z.strictObject({ read: z.number().int(), of: z.number().int(), differences: z.number().int() }),
    /** Why, where it failed. */
    problem: z.string().nullable(),
    /** Once it is done. */
    result: result.nullable(),
  })
  .meta({ id: 'Simulation' });

export const simulationRoutes = {
  'policy.simulate': post({
    path: '/api/policy/simulations',
    summary: 'Try a policy set on recorded exchanges. It reads arguments; one runs at a time.',
    roles: POWERS.propose,
    payload: true,
    body_bytes_max: FILES_BYTES_MAX,
    body: z.strictObject({ subject: policySubject.default({ of: 'active' }), since: time, agent: name.optional() }),
    response: simulation,
  }),
  'policy.simulations': get({
    path: '/api/policy/simulations',
    summary: 'Simulations of the last hour on this gateway, the newest first, without what they found.',
    roles: EVERYONE,
    response: z.strictObject({ simulations: z.array(simulation) }),
  }),
  'policy.simulation': get({
    path: '/api/policy/simulations/:id',
    summary: 'How far a simulation is, and what it found.',
    roles: READERS,
    payload: true,
    params: z.strictObject({ id: simulationId }),
    response: simulation,
  }),
  'policy.simulate.cancel': remove({
    path: '/api/policy/simulations/:id',
    summary: 'End a simulation.',
    roles: POWERS.propose,
    params: z.strictObject({ id: simulationId }),
    response: simulation,
  }),
} as const;

export type Simulation = z.infer<typeof simulation>;
export type SimulationResult = z.infer<typeof result>;
