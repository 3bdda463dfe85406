import type { JsonObject } from '../../../core/json.ts';

/** An entity as another enforcement point names it; its properties are that point's word, and stand over ours. */
export type Named = { type: string; id: string; properties: JsonObject };

/** AuthZEN Authorization API 1.0, section 5: may this subject do this to that resource? */
export type Question = {
  subject: Named;
  action: { name: string; properties: JsonObject };
  resource: Named;
  context: JsonObject;
};

/** `reason` is for whoever looks after the policies; `public` may be shown to the subject. */
export type Verdict = { decision: boolean; policies: readonly string[]; reason: string; public: string | undefined };
