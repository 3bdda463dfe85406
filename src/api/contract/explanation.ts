import { z } from 'zod';
import { EVERYONE, post } from './route.ts';
import { DECISIONS, digest, json, name } from './scalars.ts';

/** The part of a policy that decided it, in Cedar, with each value that it looked at. */
export const clause = z
  .strictObject({ text: z.string(), values: z.array(z.strictObject({ path: z.string(), value: z.string() })) })
  .meta({ id: 'Clause' });

/** A policy whose head matches, and how it came out. */
export const explainedPolicy = z
  .strictObject({
    id: z.string(),
    effect: z.enum(['permit', 'forbid']),
    file: z.string(),
    line: z.number().int(),
    reason: z.string(),
    public: z.string().nullable(),
    /** Cedar, as it stood in its file when it decided. */
    text: z.string(),
    /** `unmatched`: its head names something else; told where nothing came nearer. */
    outcome: z.enum(['satisfied', 'unsatisfied', 'error', 'unmatched']),
    /** Whether the decision rests on it. */
    determining: z.boolean(),
    /** Evaluated and recorded, never enforced. */
    shadow: z.boolean(),
    error: z.string().nullable(),
    /** The first clause that was not true; of a forbid that was satisfied, its last. */
    clause: clause.nullable(),
  })
  .meta({ id: 'ExplainedPolicy' });

/** One access of the exchange; all must be permitted. */
export const explainedAccess = z
  .strictObject({
    action: z.string(),
    resource: z.string(),
    effect: z.enum(DECISIONS),
    code: z.string().nullable(),
    /** For the operator: what determined it. */
    summary: z.string(),
    policies: z.array(explainedPolicy),
    /** What this hints an agent at, where it may know of the thing at all. */
    hints: z.array(z.string()),
  })
  .meta({ id: 'ExplainedAccess' });

export const policyEdit = z
  .strictObject({
    policy: z.string(),
    file: z.string(),
    /** Null where the policy is new. */
    before: z.string().nullable(),
    after: z.string(),
  })
  .meta({ id: 'PolicyEdit' });

/** What would have permitted it. */
export const remedy = z
  .discriminatedUnion('kind', [
    z.strictObject({ kind: z.literal('none') }),
    /** The smallest change of policy, compiled and tried. */
    z.strictObject({
      kind: z.literal('policy'),
      sentence: z.string(),
      /** The change as one text: new policies and changed ones, each whole. */
      text: z.string(),
      edits: z.array(policyEdit),
      principal: z.string(),
      accesses: z.array(z.strictObject({ action: z.string(), resource: z.string() })),
      /** What is wrong with these policies already: their files are not taken over before it is corrected. */
      beware: z.array(z.string()),
      /** Why no other call is decided otherwise. */
      limits: z.string(),
      /** Other requests that were decided under both sets, and how many of them came out otherwise: none. */
      tried: z.strictObject({ others: z.number().int(), changed: z.number().int() }),
    }),
    /** No policy could permit it; this would. */
    z.strictObject({ kind: z.literal('elsewhere'), sentence: z.string(), command: z.string().nullable() }),
  ])
  .meta({ id: 'Remedy' });

export const explanation = z
  .strictObject({
    /** Who, for whom, asked for what. */
    sentence: z.string(),
    /** The stage that ended it; null where none did. */
    stage: z.string().nullable(),
    /** The set that decided; null where policy was not asked. */
    set: digest.nullable(),
    /** Whether that set is in force now. */
    active: z.boolean(),
    accesses: z.array(explainedAccess),
    obligations: z.array(z.strictObject({ name: z.string(), value: z.string(), policy: z.string(), did: z.string() })),
    labels: z.strictObject({ before: z.string(), after: z.string().nullable() }),
    budgets: z.string(),
    remedy,
    /** What could not be explained, and why. */
    missing: z.array(z.string()),
  })
  .meta({ id: 'Explanation' });

export const canAnswer = z
  .strictObject({
    effect: z.enum(DECISIONS),
    code: z.string().nullable(),
    sentence: z.string(),
    /** What the agent would be told. */
    public: z.string().nullable(),
    /** Whether a list would show it to the agent. */
    listed: z.boolean(),
    explanation,
  })
  .meta({ id: 'CanAnswer' });

export const canRoutes = {
  can: post({
    path: '/api/can',
    summary: 'Whether an agent may, and why, before anybody tries. Nothing is done and nothing is recorded.',
    roles: EVERYONE,
    body: z.strictObject({
      agent: name,
      /** `tool.call`, `resource.read` … */
      action: z.string().min(1).max(64),
      /** `files/read_file`, or with its type: `Tool::"files/read_file"`. */
      resource: z.string().min(1).max(2_000),
      args: z.record(z.string(), json).optional(),
      /** One of the agent's; needed where it has several. */
      job: name.optional(),
      purpose: z.string().max(128).optional(),
      /** A user in whose name. */
      for: z.string().max(128).optional(),
    }),
    response: canAnswer,
  }),
} as const;

export type Clause = z.infer<typeof clause>;
export type ExplainedPolicy = z.infer<typeof explainedPolicy>;
export type ExplainedAccess = z.infer<typeof explainedAccess>;
export type PolicyEdit = z.infer<typeof policyEdit>;
export type Remedy = z.infer<typeof remedy>;
export type Explanation = z.infer<typeof explanation>;
export type CanAnswer = z.infer<typeof canAnswer>;
