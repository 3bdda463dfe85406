import { visibleJson } from '../../core/visible-text.ts';
import { type Command, DONE } from '../command.ts';
import { gatewayOf, report } from '../gateway.ts';
import { dateTime, foreign } from '../paint.ts';

export const joinToken: Command = {
  usage: '<agent>',
  arity: [1, 1],
  about:
    'Makes a joining token for a workload on another machine: whoever brings it to /spiffe/join gets one SVID of this agent, once, within ten minutes. It is printed once, and stored as a hash.',
  examples: [['sallyport agent join-token triage --job triage-issues', 'let one workload join']],
  options: { job: { type: 'string', value: '<job>', about: 'The one job that its SVID is for.' } },
  async run(call) {
    const [agent = ''] = call.args;
    const job = call.options.text('job');
    const client = gatewayOf(call);
    if (typeof client === 'number') return client;
    const answer = await client.call('spiffe.join_token', { body: { agent, ...(job === undefined ? {} : { job }) } });
    if (answer.kind === 'failure') return report(call, answer);
    if (call.json) call.terminal.write(`${visibleJson(answer.value, 2)}\n`);
    else {
      call.terminal.note(`${foreign(agent)} may join once, until ${dateTime(answer.value.expires_at)} UTC.\n`);
      call.terminal.write(`${answer.value.secret}\n`);
    }
    return DONE;
  },
};
