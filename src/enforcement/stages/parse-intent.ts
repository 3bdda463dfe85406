import { andThen } from '../../core/and-then.ts';
import type { Destination, Intent } from '../../core/exchange.ts';
import { isRefusal, type Refusal, refuse } from '../../core/refusal.ts';
import type { Pass } from '../pass.ts';
import type { StageRun, Verdict } from '../pipeline.ts';

/**
 * Wire message to accesses. A message that asks for nothing is refused: an empty list of accesses would satisfy every
 * rule of the form "all must be permitted". From here on the exchange can be cut by its upstream's or its tool's name as well.
 */
export function parseIntent(stopped: (where: Destination) => Refusal | undefined): StageRun {
  function keep(pass: Pass, intent: Intent | Refusal): Verdict {
    if (isRefusal(intent)) return intent;
    if (intent.accesses.length === 0) return refuse('request_malformed', 'the request asks for no access');
    pass.intent = intent;
    const destination = destinationOf(intent);
    if (destination === undefined) return undefined;
    pass.live.destination = destination;
    return stopped(destination);
  }
  return (pass) =>
    andThen(pass.earlier ? pass.earlier.intent : pass.attempt.parse(pass.caller, pass.run), (intent) =>
      keep(pass, intent),
    );
}

/** Its accesses are of one tool: several of them are that tool's with one element of an argument each. */
function destinationOf({ upstream, accesses: [first] }: Intent): Destination | undefined {
  if (upstream === undefined) return undefined;
  return first?.resource.type === 'Tool' ? { upstream, tool: first.resource.id } : { upstream };
}
