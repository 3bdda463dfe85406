import { z } from 'zod';
import { receiptId, time } from './scalars.ts';

const effect = z.enum(['permit', 'deny', 'hold']);

/** The most frequent names, and how often any other occurred. */
const tally = z.strictObject({
  names: z.array(z.strictObject({ name: z.string(), count: z.number().int() })),
  others: z.number().int(),
});

/** A recorded exchange that another set decides otherwise. */
export const differenceExample = z
  .strictObject({
    receipt: receiptId,
    time,
    /** Who asked for what. */
    sentence: z.string(),
    agent: z.string(),
    job: z.string(),
    action: z.string(),
    resource: z.string(),
    was: z.strictObject({ effect, policies: z.array(z.string()) }),
    /** `why`: the policies with their place, and the clause with the values that it saw. */
    would: z.strictObject({ effect, policies: z.array(z.string()), why: z.string() }),
  })
  .meta({ id: 'DifferenceExample' });

/** Exchanges that another set brings to the same other end. */
export const differenceGroup = z
  .strictObject({
    count: z.number().int(),
    agents: tally,
    resources: tally,
    /** `Tool::"files/read" path = "secret/a"`. */
    arguments: tally,
    examples: z.array(differenceExample),
  })
  .meta({ id: 'DifferenceGroup' });

export type DifferenceExample = z.infer<typeof differenceExample>;
export type DifferenceGroup = z.infer<typeof differenceGroup>;
