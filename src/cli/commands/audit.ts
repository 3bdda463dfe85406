import { isId } from '../../core/ids.ts';
import { visibleJson, visibleText } from '../../core/visible-text.ts';
import { type Command, DONE, FAILED, UsageError } from '../command.ts';
import { clientOf, configOf, gatewayOf, report } from '../gateway.ts';

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

export const fork: Command = {
  usage: '',
  arity: [0, 0],
  about:
    'Opens a new origin of the log that names the last checkpoint of the old one: the way on after a restore or a failover, when the gateway says log_forked. The gateway must be stopped. If nobody restored anything, do not: find out first who changed the log.',
  examples: [['sallyport audit fork --yes', 'after a restore']],
  options: { yes: { type: 'boolean', about: 'Do it. Without it, only says what would be done.' } },
  async run(call) {
    const config = configOf(call);
    if (typeof config === 'number') return config;
    const running = await clientOf(config).call('status', {});
    if (running.kind === 'ok') {
      call.terminal.note('A gateway runs on this log. Stop it first (Ctrl-C), then fork.\n');
      return FAILED;
    }
    if (!call.options.flag('yes')) {
      call.terminal.note(
        `Would continue the log ${config.audit.origin} under a new origin. Do it: sallyport audit fork --yes\n`,
      );
      return FAILED;
    }
    const { forkLog } = await import('../../main/fork.ts');
    const forked = await forkLog(config, 'local');
    const text = `The log goes on as ${visibleText(forked.origin)}; receipt ${forked.receipt}. Start the gateway: sallyport up\n`;
    call.terminal.write(call.json ? `${visibleJson(forked)}\n` : text);
    return DONE;
  },
};
