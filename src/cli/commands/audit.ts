import { isId } from '../../core/ids.ts';
import { type Command, DONE, UsageError } from '../command.ts';
import { gatewayOf, report } from '../gateway.ts';

export const checkpoint: Command = {
  usage: '',
  arity: [0, 0],
  about:
    'Prints the newest checkpoint of the log, a signed note. Keep it where the gateway’s operator cannot change it: `verify --seen` then finds any later rewriting.',
  examples: [['sallyport audit checkpoint > checkpoint-$(date +%F).txt', 'keep one a day, elsewhere']],
  async run(call) {
    const client = gatewayOf(call);
    if (typeof client === 'number') return client;
    const answer = await client.call('log.checkpoint', {});
    if (answer.kind === 'failure') return report(call, answer);
    call.terminal.write(call.json ? `${JSON.stringify({ checkpoint: answer.value })}\n` : answer.value);
    return DONE;
  },
};

export const exportProof: Command = {
  usage: '<receipt>',
  arity: [1, 1],
  about:
    'Prints the proof that one receipt stands in the log (C2SP tlog-proof): the entry, its path through the tree, and the checkpoint. Anyone can check it with `sallyport verify`, without this gateway.',
  examples: [
    ['sallyport audit export rcp_0123456789abcdefghijklmnop > receipt.tlog-proof', 'hand it to a stranger'],
    ['sallyport verify receipt.tlog-proof', 'what the stranger types'],
  ],
  async run(call) {
    const [receipt = ''] = call.args;
    if (!isId('rcp', receipt)) throw new UsageError('A receipt looks like rcp_ and 26 letters and digits');
    const client = gatewayOf(call);
    if (typeof client === 'number') return client;
    const answer = await client.call('log.proof', { params: { receipt } });
    if (answer.kind === 'failure') return report(call, answer);
    call.terminal.write(call.json ? `${JSON.stringify({ proof: answer.value })}\n` : answer.value);
    return DONE;
  },
};
