import type { OutcomeDraft } from '../../controls/audit/index.ts';
import type { Clock } from '../../core/clock.ts';
import { isRefusal, type Refusal, refuse } from '../../core/refusal.ts';
import { outcomeOf } from '../facts.ts';
import type { Pass } from '../pass.ts';
import type { StageRun } from '../pipeline.ts';

export type RecordOutcome = {
  clock: Clock;
  outcome(draft: OutcomeDraft, options: { unhurried: boolean }): Promise<string | Refusal>;
};

/**
 * What became of it. The final frame of a write waits until its outcome is durable, so that an agent never knows more than
 * the log; a read's outcome follows, since its effect was to be told, and that the intent says.
 */
export function recordOutcome(from: RecordOutcome): StageRun {
  return (pass) => {
    const answer = pass.answer;
    const unhurried = pass.intent.effect !== 'write';
    const recorded = from.outcome(outcomeOf(pass, from.clock.monotonic()), { unhurried });
    if (unhurried) {
      recorded.catch(() => undefined);
      return undefined;
    }
    return recorded.then((outcome) => {
      if (isRefusal(outcome) && !isRefusal(answer)) withhold(pass, outcome);
      return undefined;
    });
  };
}

/** The upstream has acted, and the log cannot say so now: the answer stays here until it can. */
function withhold(pass: Pass, refusal: Refusal): void {
  pass.answer = refuse('log_unavailable', `the outcome of ${pass.receipt} is not durable: ${refusal.reason}`);
}
