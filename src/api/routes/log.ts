import { refuse } from '../../core/refusal.ts';
import type { Handlers } from '../handler.ts';
import type { ApiPorts } from '../ports.ts';

export function logHandlers({ ledger }: ApiPorts): Pick<Handlers, 'log.checkpoint' | 'log.proof'> {
  return {
    'log.checkpoint': () => ledger.checkpoint() ?? refuse('not_found', 'no checkpoint is signed yet'),
    'log.proof': async ({ params: { receipt } }) =>
      (await ledger.proof(receipt)) ?? refuse('not_found', `${receipt} is unknown, or not yet under a checkpoint`),
  };
}
