import type { Manifests } from '../../controls/identity/index.ts';
import type { Offered } from '../../core/manifest.ts';
import { isRefusal, refuse } from '../../core/refusal.ts';
import { FactMissing, type Pass } from '../pass.ts';
import type { StageRun } from '../pipeline.ts';
import { type Decider, isHidden } from './decide.ts';

/**
 * Whatever goes upstream rests on what a server said that it is. What was never approved, or is not what was approved any
 * more, gets nothing; from here on the exchange can be cut when its pin goes. A child rests on what its parent does.
 */
export function checkToolManifest(manifests: Pick<Manifests, 'check'>, policy: Decider): StageRun {
  return (pass) => {
    if (pass.intent.sent === undefined) return undefined;
    const offered = offeredTo(pass);
    pass.live.offered = offered;
    const found = manifests.check(offered);
    if (!isRefusal(found)) {
      pass.tool = found;
      return undefined;
    }
    // Who may not use it must not learn from its troubles that it is there.
    const { effect, accesses } = pass.intent;
    const hidden = effect !== 'discover' && accesses.some((access) => isHidden(policy, pass, access));
    if (hidden) pass.shown = refuse('not_found', 'hidden from this agent');
    return found;
  };
}

function offeredTo(pass: Pass): Offered {
  const offered = pass.parent ? pass.parent.intent.offered : pass.intent.offered;
  if (offered === undefined) throw new FactMissing('manifest of what the request goes to');
  return offered;
}
