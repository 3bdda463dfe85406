import { isRefusal, type Refusal, refuse } from '../../core/refusal.ts';
import type { StageRun } from '../pipeline.ts';

/**
 * Wire message to accesses. A message that asks for nothing is refused: an empty list of accesses would satisfy every
 * rule of the form "all must be permitted". From here on the exchange can be cut by its upstream's name as well.
 */
export function parseIntent(stopped: (who: { upstream: string }) => Refusal | undefined): StageRun {
  return async (pass) => {
    const intent = pass.earlier ? pass.earlier.intent : await pass.attempt.parse(pass.caller, pass.run);
    if (isRefusal(intent)) return intent;
    if (intent.accesses.length === 0) return refuse('request_malformed', 'the request asks for no access');
    pass.intent = intent;
    if (intent.upstream === undefined) return undefined;
    pass.live.upstream = intent.upstream;
    return stopped({ upstream: intent.upstream });
  };
}
