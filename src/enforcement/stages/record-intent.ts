import type { IntentDraft, IntentResult } from '../../controls/audit/index.ts';
import { refuse } from '../../core/refusal.ts';
import { completeFactsOf } from '../facts.ts';
import type { Pass } from '../pass.ts';
import type { StageRun, Verdict } from '../pipeline.ts';

export type RecordIntent = {
  /** Whether this replica may forward now, and why not. */
  lease(): { held: true } | { held: false; reason: string };
  intent(draft: IntentDraft): Promise<IntentResult>;
};

/**
 * The one strongly consistent point: the intent is durable, the proof claimed and the rules unchanged since the decision,
 * all in one transaction; or nothing is forwarded. No claim and no receipt without a lease, which the next try would need
 * anyway.
 */
export function recordIntent(from: RecordIntent): StageRun {
  return (pass) => {
    const lease = from.lease();
    if (!lease.held) return refuse('lease_lapsed', lease.reason);
    const draft = {
      facts: completeFactsOf(pass),
      payload: pass.intent.payload,
      claims: { proof: pass.caller.proof },
      decided_under: pass.decided_under,
      decided_until: endOf(pass),
    };
    return from.intent(draft).then((recorded) => keep(pass, recorded));
  };
}

/** Temporary privilege may end between the decision and its record; then it permits nothing. */
function endOf({ live }: Pass): number | undefined {
  if (live.rests_on.length === 0) return undefined;
  return Math.min(...live.rests_on.map(({ until }) => until));
}

function keep(pass: Pass, recorded: IntentResult): Verdict {
  switch (recorded.kind) {
    case 'committed':
      pass.receipt = recorded.receipt;
      return undefined;
    case 'stale':
      return refuse('state_changed', `decided under version ${pass.decided_under}, which is no longer in force`);
    case 'refusal':
      return recorded;
  }
}
