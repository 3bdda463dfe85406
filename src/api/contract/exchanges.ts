import { z } from 'zod';
import { REFUSAL_CODES } from '../../core/refusal.ts';
import { explanation } from './explanation.ts';
import { get, READERS } from './route.ts';
import { count, DECISIONS, digest, json, name, receiptId, time } from './scalars.ts';

export { DECISIONS };
/** `open` until the outcome is in the log. */
export const STATES = [
  'open',
  'completed',
  'failed',
  'withheld',
  'cut',
  'cancelled',
  'unknown',
  'refused',
  'held',
] as const;

const stage = z.strictObject({ stage: z.string(), verdict: z.enum(['pass', 'refuse', 'error']), us: z.number() });

/** One exchange, one line. */
export const exchange = z
  .strictObject({
    /** The receipt of its intent, or of its refusal. */
    receipt: receiptId,
    /** Place in the log, once sequenced. */
    index: z.number().int().nullable(),
    time,
    /** What policy said; while the gateway observed it may have been let through all the same. */
    decision: z.enum(DECISIONS),
    /** Whether policy was enforced when it was decided. */
    mode: z.enum(['enforcing', 'observing']),
    state: z.enum(STATES),
    /** Why it was refused. */
    code: z.enum(REFUSAL_CODES).nullable(),
    protocol: z.string(),
    operation: z.string(),
    agent: z.string(),
    job: z.string(),
    run: z.string(),
    credential: z.string(),
    action: z.string(),
    /** `Tool::"files/read_file"`; null where the payload was erased or may not be read. */
    resource: z.string().nullable(),
    /** Accesses beyond the first. */
    more: z.number().int(),
    upstream: z.string().nullable(),
    duration_us: z.number().nullable(),
    policies: z.array(z.string()),
    parent: z.string().nullable(),
  })
  .meta({ id: 'Exchange' });

export const policyNote = z
  .strictObject({
    id: z.string(),
    reason: z.string().nullable(),
    public: z.string().nullable(),
    /** Where it stands among the files of the active set. */
    file: z.string().nullable(),
    line: z.number().int().nullable(),
  })
  .meta({ id: 'PolicyNote' });

/** A receipt as it stands in the log; its fields are documented with the log. */
export const logged = z
  .strictObject({ index: z.number().int().nullable(), receipt: z.record(z.string(), json) })
  .meta({ id: 'LoggedReceipt' });

export const story = z
  .strictObject({
    exchange,
    /** The whole of it as one sentence. */
    sentence: z.string(),
    decision: z.strictObject({
      effect: z.enum(DECISIONS),
      code: z.string().nullable(),
      /** For the operator. */
      reason: z.string().nullable(),
      /** What the agent was told. */
      public: z.string().nullable(),
      policies: z.array(policyNote),
      errors: z.array(z.string()),
      obligations: z.array(z.string()),
      shadow: z.array(z.string()),
      set: digest.nullable(),
    }),
    /** Policy's part in full; null where policy was not asked, or what it was asked cannot be put together again. */
    explanation: explanation.nullable(),
    stages: z.array(stage),
    outcome: z
      .strictObject({
        kind: z.string(),
        time,
        duration_us: z.number(),
        received_bytes: z.number(),
        released_bytes: z.number(),
        frames: z.number(),
        cause: z.string().nullable(),
        listed: z.number().nullable(),
      })
      .nullable(),
    /** Unsealed: what was asked, and what came back where it was kept. */
    asked: json,
    answered: json,
    receipts: z.array(logged),
    children: z.array(receiptId),
    continues: z.string().nullable(),
    continued_by: z.array(receiptId),
    /** What is not here, and why. */
    missing: z.array(z.string()),
    /** Receipt of this reading. */
    read_under: receiptId.nullable(),
  })
  .meta({ id: 'Story' });

export const filters = z.strictObject({
  agent: name.optional(),
  job: name.optional(),
  run: z.string().max(64).optional(),
  action: z.string().max(64).optional(),
  upstream: z.string().max(128).optional(),
  decision: z.enum(DECISIONS).optional(),
  state: z.enum(STATES).optional(),
  /** Part of the resource's name. */
  resource: z.string().max(200).optional(),
});

export const page = z
  .strictObject({
    exchanges: z.array(exchange),
    /** Give it back to go on to older ones; null at the beginning of the log. */
    cursor: z.string().nullable(),
    /** Log entries looked at for this page: a narrow filter may end a page early. */
    scanned: z.number().int(),
    /** Size of the log when this was read: a live stream `after` the entry before it misses nothing. */
    size: z.number().int(),
  })
  .meta({ id: 'ExchangePage' });

export const liveEvent = z
  .discriminatedUnion('type', [
    z.strictObject({ type: z.literal('exchange'), exchange }),
    z.strictObject({ type: z.literal('outcome'), receipt: receiptId, state: z.enum(STATES), duration_us: z.number() }),
    /** Refusals before identity are counted by the second, not told one by one. */
    z.strictObject({ type: z.literal('flood'), code: z.string(), count: z.number().int(), time }),
    /** A change of the system itself. */
    z.strictObject({
      type: z.literal('control'),
      receipt: receiptId,
      event: z.string(),
      by: z.string(),
      subject: z.string().nullable(),
      time,
    }),
  ])
  .meta({ id: 'LiveEvent' });

export const exchangeRoutes = {
  'exchanges.list': get({
    path: '/api/exchanges',
    summary: 'Exchanges, newest first.',
    roles: READERS,
    payload: true,
    query: filters.extend({
      cursor: z
        .string()
        .regex(/^\d{1,15}$/, 'a cursor of an earlier page')
        .optional(),
      limit: count(500).optional(),
    }),
    response: page,
  }),
  'exchanges.story': get({
    path: '/api/exchanges/:receipt',
    summary: 'The whole story of one exchange, by any of its receipts.',
    roles: READERS,
    payload: true,
    params: z.strictObject({ receipt: receiptId }),
    response: story,
  }),
  'exchanges.live': get({
    path: '/api/live',
    summary: 'Exchanges as they happen. Event ids are log indices; `Last-Event-ID` takes the stream up again.',
    roles: READERS,
    payload: true,
    answers: 'events',
    query: filters.extend({ after: z.coerce.number<number | string>().int().min(-1).optional() }),
    response: liveEvent,
  }),
} as const;

export type Exchange = z.infer<typeof exchange>;
export type Story = z.infer<typeof story>;
export type Filters = z.infer<typeof filters>;
export type ExchangePage = z.infer<typeof page>;
export type LiveEvent = z.infer<typeof liveEvent>;
export type Decision = (typeof DECISIONS)[number];
export type State = (typeof STATES)[number];
