import { isRefusal } from '../../core/refusal.ts';
import type { DifferenceGroup } from '../contract/index.ts';
import type { Handlers } from '../handler.ts';
import type { ApiPorts } from '../ports.ts';
import { group } from './simulations.ts';

type ShadowOperation = 'policy.shadow' | 'policy.shadow.set' | 'policy.shadow.clear' | 'policy.shadow.differences';

export function shadowHandlers({ shadows, shadowDifferences }: ApiPorts): Pick<Handlers, ShadowOperation> {
  return {
    'policy.shadow': () => ({ shadow: shadows.current() ?? null }),
    'policy.shadow.set': ({ body: { subject, seconds, reason } }, { caller }) =>
      shadows.set(subject, { by: caller.by, why: reason, seconds }),
    'policy.shadow.clear': async (_input, { caller }) => {
      const cleared = await shadows.clear(caller.by);
      return isRefusal(cleared) ? cleared : { shadow: cleared ?? null };
    },
    'policy.shadow.differences': async (_input, { caller }) => {
      const found = await shadowDifferences(caller.by);
      if (isRefusal(found)) return found;
      if (found === undefined) return { shadow: null, decisions: 0, ...NOTHING };
      const { decisions, newly_denied, newly_permitted, newly_held } = found.result;
      return {
        shadow: found.shadow,
        decisions,
        newly_denied: group(newly_denied),
        newly_permitted: group(newly_permitted),
        newly_held: group(newly_held),
      };
    },
  };
}

const nobody = (): DifferenceGroup['agents'] => ({ names: [], others: 0 });
const none = (): DifferenceGroup => ({
  count: 0,
  agents: nobody(),
  resources: nobody(),
  arguments: nobody(),
  examples: [],
});
const NOTHING = { newly_denied: none(), newly_permitted: none(), newly_held: none() };
