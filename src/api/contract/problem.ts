import { z } from 'zod';

/** What went wrong, in the words that both console and command line show. */
export const problem = z
  .strictObject({
    /** A stable code: `docs/errors/<code>.md`. */
    code: z.string(),
    message: z.string(),
    /** For people who are signed in: which value, which clause. */
    detail: z.string().optional(),
    /** Where the message is about a part of the request. */
    issues: z.array(z.strictObject({ path: z.string(), message: z.string() })).optional(),
    receipt: z.string().optional(),
  })
  .meta({ id: 'Problem' });

export type Problem = z.infer<typeof problem>;
