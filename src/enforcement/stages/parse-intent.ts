import { isRefusal, refuse } from '../../core/refusal.ts';
import type { StageRun } from '../pipeline.ts';

/**
 * Wire message to accesses. A message that asks for nothing is refused: an empty list of accesses would satisfy every
 * rule of the form "all must be permitted".
 */
export function parseIntent(): StageRun {
  return async (pass) => {
    const intent = await pass.attempt.parse(pass.caller, pass.run);
    if (isRefusal(intent)) return intent;
    if (intent.accesses.length === 0) return refuse('request_malformed', 'the request asks for no access');
    pass.intent = intent;
    pass.live.upstream = intent.upstream;
    return undefined;
  };
}
