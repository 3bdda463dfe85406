import { visibleJson } from '../../core/visible-text.ts';
import { type Command, DONE } from '../command.ts';
import { gatewayOf, report } from '../gateway.ts';
import { dateTime, foreign, table } from '../paint.ts';

export const list: Command = {
  usage: '',
  arity: [0, 0],
  about: 'Shows which MCP clients people let act for them, as which agent and in which job, until when.',
  examples: [['sallyport client list', 'what people let clients do']],
  async run(call) {
    const client = gatewayOf(call);
    if (typeof client === 'number') return client;
    const answer = await client.call('client_grants.list', {});
    if (answer.kind === 'failure') return report(call, answer);
    const rows = answer.value.grants.map(({ id, client: by, agent, job, person, expires_at }) => [
      foreign(id),
      foreign(by),
      foreign(agent),
      foreign(job),
      foreign(person),
      dateTime(expires_at),
    ]);
    const head = ['grant', 'client', 'agent', 'job', 'person', 'until (UTC)'];
    call.terminal.write(call.json ? `${visibleJson(answer.value, 2)}\n` : table([head, ...rows], call.terminal));
    return DONE;
  },
};

export const end: Command = {
  usage: '<grant>',
  arity: [1, 1],
  about:
    'Ends what a person let a client do, by the id that `client list` prints: its run and every token end at once, in open streams too. The person may let it in again.',
  examples: [['sallyport client end 3Jm1kq0hV2x', 'the client is signed out']],
  async run(call) {
    const client = gatewayOf(call);
    if (typeof client === 'number') return client;
    const grant = call.args[0]!;
    const answer = await client.call('client_grants.end', { params: { grant } });
    if (answer.kind === 'failure') return report(call, answer);
    call.terminal.write(call.json ? `${visibleJson(answer.value)}\n` : `Ended ${foreign(grant)}.\n`);
    return DONE;
  },
};
