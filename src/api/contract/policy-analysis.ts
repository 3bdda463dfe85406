import { z } from 'zod';
import { POWERS } from '../../core/person.ts';
import { policyProblem } from './policy.ts';
import { EVERYONE, get, post } from './route.ts';
import { digest, json } from './scalars.ts';

/** Of a request that brings policy files. */
export const FILES_BYTES_MAX = 2 * 1024 * 1024;

/** Policy files as somebody has typed them, saved or not. */
export const policyFiles = z
  .array(z.strictObject({ name: z.string().min(1).max(255), text: z.string().max(1_048_576) }))
  .max(1_000);

/** What an analysis may be about: what is in force, a set by its digest (or the beginning of it), or files as typed. */
export const policySubject = z.union([
  z.strictObject({ of: z.literal('active') }),
  z.strictObject({ of: z.literal('set'), set: digest.min(8) }),
  z.strictObject({ of: z.literal('files'), files: policyFiles }),
]);

const LINT_KINDS = [
  'shadowed',
  'killed',
  'unreachable',
  'contradictory',
  'overbroad',
  'reason-missing',
  'unregistered',
  'unmentioned',
] as const;

export const lintFinding = z
  .strictObject({
    kind: z.enum(LINT_KINDS),
    /** A note is worth knowing and no fault. */
    severity: z.enum(['warning', 'note']),
    file: z.string(),
    line: z.number().int(),
    column: z.number().int(),
    policy: z.string().nullable(),
    message: z.string(),
    /** What to type. */
    help: z.string(),
  })
  .meta({ id: 'LintFinding' });

/** What a bounded analysis could not settle, and why: neither yes nor no. */
export const undecided = z.strictObject({ about: z.string(), because: z.string() }).meta({ id: 'Undecided' });

/** A request that shows a difference. Both sets were asked by the engine itself. */
export const witness = z
  .strictObject({
    principal: z.string(),
    agent: z.string(),
    job: z.string(),
    purpose: z.string().nullable(),
    subject: z.string().nullable(),
    through: z.array(z.string()),
    credential: z.string(),
    action: z.string(),
    resource: z.string(),
    args: z.record(z.string(), json),
    /** The same question for the command line; empty where it is a server that asks. */
    command: z.string(),
  })
  .meta({ id: 'Witness' });

const effect = z.enum(['permit', 'deny', 'hold']);

export const policyDifference = z
  .strictObject({
    kind: z.enum(['gain', 'loss', 'change']),
    /** Who gains or loses what, and when. */
    sentence: z.string(),
    principals: z.array(z.string()),
    action: z.string(),
    resources: z.array(z.string()),
    before: z.strictObject({ effect, policies: z.array(z.string()), why: z.string() }),
    after: z.strictObject({ effect, policies: z.array(z.string()), why: z.string() }),
    witness,
  })
  .meta({ id: 'PolicyDifference' });

export const argumentHint = z
  .strictObject({
    /** `filter.name` below `context.args`. */
    path: z.string(),
    type: z.string(),
    optional: z.boolean(),
    /** What the schema lists, where it lists values. */
    values: z.array(json),
  })
  .meta({ id: 'ArgumentHint' });

const attribute = z.strictObject({ name: z.string(), type: z.string(), optional: z.boolean(), about: z.string() });

export const policyAnalysisRoutes = {
  'policy.validate': post({
    path: '/api/policy/validate',
    summary: 'What a load of these files would complain of, checked against the registered tools. Changes nothing.',
    roles: POWERS.propose,
    body_bytes_max: FILES_BYTES_MAX,
    body: z.strictObject({ files: policyFiles }),
    response: z
      .strictObject({
        valid: z.boolean(),
        policies: z.number().int(),
        compiled: z.number().int(),
        problems: z.array(policyProblem),
      })
      .meta({ id: 'PolicyValidation' }),
  }),
  'policy.schema': get({
    path: '/api/policy/schema',
    summary: 'What policies can talk about: actions, entities, attributes, annotations, and what is registered.',
    roles: EVERYONE,
    response: z
      .strictObject({
        actions: z.array(
          z.strictObject({
            name: z.string(),
            principals: z.array(z.string()),
            resources: z.array(z.string()),
            arguments: z.boolean(),
          }),
        ),
        /** Attributes of `principal` and `resource`, by entity type. */
        entities: z.record(z.string(), z.array(attribute)),
        /** Paths below `context`, without `args`. */
        context: z.array(attribute),
        annotations: z.array(
          z.strictObject({ name: z.string(), on: z.enum(['permit', 'forbid', 'both']), about: z.string() }),
        ),
        agents: z.array(z.strictObject({ id: z.string(), jobs: z.array(z.string()) })),
        servers: z.array(z.string()),
        tools: z.array(z.strictObject({ id: z.string(), arguments: z.array(argumentHint) })),
        prompts: z.array(z.strictObject({ id: z.string(), arguments: z.array(argumentHint) })),
        resources: z.array(z.string()),
      })
      .meta({ id: 'PolicyVocabulary' }),
  }),
  'policy.lint': post({
    path: '/api/policy/lint',
    summary: 'What is dead, contradictory or too broad in policies, against the registered agents and tools.',
    roles: POWERS.propose,
    body_bytes_max: FILES_BYTES_MAX,
    body: z.strictObject({ subject: policySubject.default({ of: 'active' }) }),
    response: z
      .strictObject({
        policies: z.number().int(),
        findings: z.array(lintFinding),
        undecided: z.array(undecided),
        /** What keeps the files from being analysed at all. */
        problems: z.array(policyProblem),
      })
      .meta({ id: 'LintReport' }),
  }),
  'policy.diff': post({
    path: '/api/policy/diff',
    summary:
      'Who gains and who loses what from one set of policies to another, with a request that shows each difference.',
    roles: POWERS.propose,
    body_bytes_max: FILES_BYTES_MAX,
    body: z.strictObject({ before: policySubject.default({ of: 'active' }), after: policySubject }),
    response: z
      .strictObject({
        /** True only where nothing differs and nothing is undecided. */
        equal: z.boolean(),
        differences: z.array(policyDifference),
        undecided: z.array(undecided),
        /** How many combinations of principal, action and resource were compared. */
        compared: z.number().int(),
        /** What keeps one of the two from being read at all. */
        problems: z.array(policyProblem),
      })
      .meta({ id: 'PolicyDiff' }),
  }),
} as const;

export type LintFinding = z.infer<typeof lintFinding>;
export type PolicyDifference = z.infer<typeof policyDifference>;
export type PolicyWitness = z.infer<typeof witness>;
export type Undecided = z.infer<typeof undecided>;
