import type { JsonObject } from '../../../core/json.ts';

/** What policy may compare an argument with. */
export type RunFacts = {
  id: string;
  job: string;
  opened_by: string;
  purpose: string | null;
  subject: { id: string; name: string } | null;
};

/** One call that was let through. */
export type Use = {
  agent: string;
  run: RunFacts;
  /** `server/tool`. */
  tool: string;
  args: JsonObject;
  /** Milliseconds since the epoch. */
  time: number;
  /** The receipt of its intent. */
  receipt: string;
};
