import { z } from 'zod';
import { POWERS } from '../../core/person.ts';
import { activeSet, policyProblem } from './policy.ts';
import { EVERYONE, get, post } from './route.ts';
import { digest, reason, time } from './scalars.ts';

/** A file directly in the folder of policies: `*.cedar`, or its cases `*.test.yaml`. */
const fileName = z
  .string()
  .max(200)
  .regex(
    /^[A-Za-z0-9_][A-Za-z0-9._-]*\.(?:cedar|test\.yaml)$/,
    'a file name such as support.cedar or support.test.yaml',
  );
const fileText = z.string().max(1_048_576);
export const policyFile = z.strictObject({ name: fileName, text: fileText }).meta({ id: 'PolicyFile' });

/** A set that is not stored yet: all of its files, or edits of a set that is; `text: null` removes a file. */
const candidate = {
  /** What the edits are of; without it, the set that is active. */
  base: digest.min(8).optional(),
  files: z.array(policyFile).max(1_000).optional(),
  edits: z
    .array(z.strictObject({ name: fileName, text: fileText.nullable() }))
    .max(1_000)
    .optional(),
};

const caseResult = z
  .strictObject({
    file: z.string(),
    line: z.number().int(),
    it: z.string(),
    passed: z.boolean(),
    /** What was expected and what came, a sentence each; empty where it passed. */
    differences: z.array(z.string()),
    decision: z.enum(['permit', 'deny', 'hold']),
    /** Ids of the policies that determined it. */
    policies: z.array(z.string()),
    /** For the operator: which clauses failed, and what they saw. */
    summary: z.string(),
  })
  .meta({ id: 'PolicyCaseResult' });

const caseRun = z
  .strictObject({ passed: z.boolean(), problems: z.array(policyProblem), results: z.array(caseResult) })
  .meta({ id: 'PolicyCaseRun' });

export const policyVersion = z
  .strictObject({
    set: digest,
    /** Counts versions of this gateway from 1, in the order in which they were first seen. */
    number: z.number().int(),
    /** `person:<id>`, `local`, or `folder` where nobody is known but that they could write there. */
    author: z.string(),
    reason: z.string(),
    proposed_at: time,
    state: z.enum(['active', 'canary', 'proposed', 'past']),
    /** The set that it was made against; null for the first. */
    base: digest.nullable(),
    policies: z.number().int(),
    cases: z.number().int(),
    /** Each time it became the active set, the last one first. */
    activations: z.array(
      z.strictObject({ at: time, by: z.string(), why: z.string(), how: z.enum(['activate', 'rollback']) }),
    ),
  })
  .meta({ id: 'PolicyVersion' });

export const canary = z
  .strictObject({
    set: digest,
    /** Of all agents, those that it decides for, percent; which ones stays the same as it grows. */
    share_percent: z.number(),
    started_by: z.string(),
    why: z.string(),
    started_at: time,
  })
  .meta({ id: 'PolicyCanary' });

const change = z.strictObject({ id: z.string(), before: z.string().nullable(), after: z.string().nullable() });

export const policyLifeRoutes = {
  'policy.versions': get({
    path: '/api/policy/versions',
    summary: 'Every policy set that was active or proposed, the last one first, and the canary.',
    roles: EVERYONE,
    response: z
      .strictObject({
        /** Where policies are written: the folder, or here. */
        source: z.enum(['folder', 'console']),
        /** Whether who proposed a set may not activate it. */
        two_persons: z.boolean(),
        active: digest,
        /** What a rollback would make active; null where there is nothing before. */
        before: digest.nullable(),
        canary: canary.nullable(),
        versions: z.array(policyVersion),
      })
      .meta({ id: 'PolicyVersions' }),
  }),
  'policy.version': get({
    path: '/api/policy/versions/:set',
    summary: 'One version with its files, and what it changes about the active set, or about `against`.',
    roles: EVERYONE,
    params: z.strictObject({ set: digest.min(8) }),
    query: z.strictObject({ against: digest.min(8).optional() }),
    response: z
      .strictObject({
        version: policyVersion,
        files: z.array(policyFile),
        against: digest,
        added: z.array(z.string()),
        removed: z.array(z.string()),
        /** Why it may widen, a sentence each. */
        widens: z.array(z.string()),
        changes: z.array(change),
        /** The same as a unified diff of the files, which `git apply` and `patch -p1` take. */
        patch: z.string(),
      })
      .meta({ id: 'PolicyVersionDetail' }),
  }),
  'policy.propose': post({
    path: '/api/policy/propose',
    summary:
      'Propose a policy set. Where the folder is the source, answers with a patch, or writes the folder if told to.',
    roles: POWERS.propose,
    body: z.strictObject({
      ...candidate,
      reason,
      /** Where the folder is the source: write these edits into it, unless it was changed meanwhile. */
      write_folder: z.boolean().default(false),
    }),
    response: z
      .discriminatedUnion('kind', [
        /** It waits to be activated. `tests` may have failed: then it cannot be. */
        z.strictObject({ kind: z.literal('proposed'), version: policyVersion, tests: caseRun }),
        /** Nothing was stored: the folder is the source, and this patch is what would change it. */
        z.strictObject({
          kind: z.literal('patch'),
          set: digest,
          patch: z.string(),
          folder: z.string(),
          /** What to do with it. */
          next: z.string(),
          tests: caseRun,
        }),
        /** It took away only, and was active already or became so at once. */
        z.strictObject({ kind: z.literal('active'), active: activeSet }),
      ])
      .meta({ id: 'PolicyProposed' }),
  }),
  'policy.test': post({
    path: '/api/policy/test',
    summary: 'Run cases against a set or a candidate: its own, or those that are given.',
    roles: POWERS.propose,
    body: z.strictObject({
      ...candidate,
      /** Case files in YAML, and so in JSON; without them those of the set. */
      cases: z
        .array(z.strictObject({ name: fileName, text: fileText }))
        .max(100)
        .optional(),
    }),
    response: caseRun,
  }),
  'policy.rollback': post({
    path: '/api/policy/rollback',
    summary: 'Make the version before active again.',
    roles: POWERS.approve,
    presence: true,
    body: z.strictObject({ reason }),
    response: activeSet,
  }),
  'policy.canary': post({
    path: '/api/policy/canary',
    summary: 'Let a set decide for a share of the agents; 0 drops it, and activating it promotes it.',
    roles: POWERS.approve,
    presence: true,
    body: z.strictObject({ set: digest.min(8).optional(), share_percent: z.number().min(0).max(100), reason }),
    response: z.strictObject({ canary: canary.nullable() }),
  }),
} as const;

export type PolicyVersion = z.infer<typeof policyVersion>;
export type PolicyCanary = z.infer<typeof canary>;
export type PolicyCaseRun = z.infer<typeof caseRun>;
