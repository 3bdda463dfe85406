import type { Ledger } from '../controls/audit/index.ts';
import type { Clock } from '../core/clock.ts';
import type { JsonObject } from '../core/json.ts';
import type { Refusal } from '../core/refusal.ts';
import { factsOf, outcomeOf } from './facts.ts';
import type { Pass } from './pass.ts';
import type { Recorder } from './runner.ts';
import { sourcePrefix } from './source.ts';

/** Leaves what the runner refused in the log. */
export function openRecorder(from: {
  clock: Clock;
  ledger: Pick<Ledger, 'refusal' | 'flood' | 'outcome'>;
  /** Told of every refusal before identity, so that admission can count its source. */
  strangerRefused(address: string): void;
}): Recorder {
  return {
    stranger(pass, refusal) {
      const { address } = pass.attempt.presented;
      from.ledger.flood({ code: refusal.code, source: sourcePrefix(address) });
      from.strangerRefused(address);
    },
    refused(pass, refusal) {
      const kind = refusal.code === 'approval_unavailable' ? 'hold' : 'refusal';
      const facts = factsOf(pass);
      return from.ledger.refusal({
        kind,
        code: refusal.code,
        facts,
        checks: pass.checks,
        payload: told(pass, refusal),
      });
    },
    async brokenOff(pass, refusal) {
      const draft = outcomeOf(pass, from.clock.monotonic());
      await from.ledger.outcome({ ...draft, outcome: 'unknown', payload: { cause: refusal.reason } });
    },
  };
}

/** What a person who asks why is told: the operator's reason, what the agent saw, and what was asked. */
function told(pass: Pass, refusal: Refusal): JsonObject {
  const { intent } = pass.established();
  const shown = pass.shown ?? refusal;
  return {
    reason: refusal.reason,
    public: shown.public,
    policies: [...refusal.policies],
    asked: intent?.payload ?? null,
  };
}
