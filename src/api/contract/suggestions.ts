import { z } from 'zod';
import { get, READERS } from './route.ts';
import { count, name, receiptId, time } from './scalars.ts';

/** What a clause, or one condition of it, rests on. */
const evidence = z.strictObject({
  /** Calls that were let through, and the runs in which they were made. */
  calls: z.number().int(),
  runs: z.number().int(),
  first_seen: time.nullable(),
  last_seen: time.nullable(),
  /** Of some of the calls, the newest and the oldest among them; the accepted policy carries them. */
  receipts: z.array(receiptId),
});

/** How it is known that tomorrow's run will not break it: runs were held out in turn, and put to what the others taught. */
const confidence = z.strictObject({
  /** Calls of held-out runs that were put to it. */
  tried: z.number().int(),
  /** Of these, how many it would have refused. */
  broken: z.number().int(),
  /** Estimated share of honest calls of this tool that it will refuse, 0 to 1. */
  risk: z.number(),
  /** Whose calls it was learnt from: the agent's own, or those of all agents of the job. */
  from: z.enum(['own', 'job']),
  /** In words. */
  says: z.string(),
});

export const suggestedCondition = z
  .strictObject({
    /** Arguments that it is about, `filter.name`; several where it says that none of them is given. */
    arguments: z.array(z.string()),
    shape: z.enum(['one-of', 'like', 'range', 'members', 'same-as', 'absent']),
    says: z.string(),
    /** Cedar, as it stands among the clause's conditions. */
    text: z.string(),
    confidence,
  })
  .meta({ id: 'SuggestedCondition' });

/** One permit: what a person accepts or leaves. */
export const suggestedClause = z
  .strictObject({
    /** The `@id` of the permit. */
    id: z.string(),
    action: z.string(),
    /** `files/read_file`. */
    resource: z.string(),
    says: z.string(),
    /** The whole permit, in Cedar. */
    text: z.string(),
    conditions: z.array(suggestedCondition),
    evidence,
    /** Whether the active set has this very permit already. */
    active: z.boolean(),
  })
  .meta({ id: 'SuggestedClause' });

/** A permit of the active set that this agent could have used in this job and did not. */
export const unusedPrivilege = z
  .strictObject({
    policy: z.string(),
    file: z.string(),
    line: z.number().int(),
    /** Last time that it was used by anybody within what was read; null where it never was. */
    last_used: time.nullable(),
    /** Days since then, or since the beginning of what was read. */
    age_days: z.number().int(),
    /** Whether it names this agent alone, so that taking it away touches nobody else. */
    own: z.boolean(),
  })
  .meta({ id: 'UnusedPrivilege' });

const summary = {
  agent: name,
  job: name,
  runs: z.number().int(),
  calls: z.number().int(),
  first_seen: time,
  last_seen: time,
  /** Tools, and whatever else was asked for by name. */
  resources: z.number().int(),
};

/** What was read: from when on, how many decisions, and how many of them could not be read again. */
const read = z.strictObject({ since: time, until: time, decisions: z.number().int(), unreadable: z.number().int() });

export const suggestionSummary = z.strictObject(summary).meta({ id: 'SuggestionSummary' });

export const suggestion = z
  .strictObject({
    ...summary,
    clauses: z.array(suggestedClause),
    unused: z.array(unusedPrivilege),
    /**
     * Lists of which a policy can only say that all members are among those seen. Declared `each` under
     * `upstreams.<server>.tools.<tool>`, every member is decided by itself, and its form can be learnt.
     */
    lists: z.array(z.strictObject({ tool: z.string(), argument: z.string(), why: z.enum(['records', 'form']) })),
    /** Where the clauses would stand: a file for `policy.propose`, with all of them. */
    file: z.strictObject({ name: z.string(), text: z.string() }),
    read,
  })
  .meta({ id: 'Suggestion' });

const window = { days: count(366).default(30) };

export const suggestionRoutes = {
  'policy.suggestions': get({
    path: '/api/policy/suggestions',
    summary: 'For each agent and job, the least policy that would have permitted what was done. Counts only.',
    roles: READERS,
    payload: true,
    query: z.strictObject({ ...window, agent: name.optional(), job: name.optional() }),
    response: z.strictObject({ suggestions: z.array(suggestionSummary), read }).meta({ id: 'Suggestions' }),
  }),
  'policy.suggestion': get({
    path: '/api/policy/suggestions/:agent/:job',
    summary: 'The least policy for an agent in a job, clause by clause with its evidence, and what it never used.',
    roles: READERS,
    payload: true,
    params: z.strictObject({ agent: name, job: name }),
    query: z.strictObject(window),
    response: suggestion,
  }),
} as const;

export type SuggestionSummary = z.infer<typeof suggestionSummary>;
export type Suggestion = z.infer<typeof suggestion>;
export type SuggestedClause = z.infer<typeof suggestedClause>;
export type SuggestedCondition = z.infer<typeof suggestedCondition>;
export type UnusedPrivilege = z.infer<typeof unusedPrivilege>;
