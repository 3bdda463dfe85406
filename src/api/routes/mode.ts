import type { Observing } from '../../controls/policy/index.ts';
import { isRefusal } from '../../core/refusal.ts';
import type { Mode } from '../contract/index.ts';
import type { Handlers } from '../handler.ts';
import type { ApiPorts } from '../ports.ts';

export function modeHandlers({ mode }: ApiPorts): Pick<Handlers, 'mode.observe' | 'mode.enforce'> {
  return {
    'mode.observe': async ({ body: { minutes, reason } }, { caller }) => {
      const period = await mode.observe(minutes, caller.by, reason);
      return isRefusal(period) ? period : describe(period);
    },
    'mode.enforce': async ({ body: { reason = 'asked for' } }, { caller }) => {
      const ended = await mode.enforce(caller.by, reason);
      return isRefusal(ended) ? ended : describe(undefined);
    },
  };
}

function describe(period: Observing | undefined): Mode {
  if (period === undefined) return { mode: 'enforcing', until: null, since: null, by: null, reason: null };
  const { since, until, by, reason } = period;
  return { mode: 'observing', until, since, by, reason };
}
