import type { JsonObject } from '../../../core/json.ts';
import type { EntityRef } from '../../../core/principal.ts';

/** What policy may compare an argument with. */
export type RunFacts = {
  id: string;
  job: string;
  opened_by: string;
  purpose: string | null;
  subject: { id: string; name: string } | null;
};

/** One access that was permitted: a call of a tool, most often. */
export type Use = {
  agent: string;
  run: RunFacts;
  action: string;
  resource: EntityRef;
  args: JsonObject;
  /** Milliseconds since the epoch. */
  time: number;
  /** The receipt of its intent. */
  receipt: string;
};
