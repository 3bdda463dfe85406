import { visibleJson } from '../../core/visible-text.ts';
import { type Command, DONE } from '../command.ts';
import { gatewayOf, report } from '../gateway.ts';
import { clockTime } from '../paint.ts';

export const account: Command = {
  usage: '',
  arity: [0, 0],
  about:
    'Prints a link that makes the first account at the console. It opens once, and only for some minutes; its secret stands in the fragment, which browsers do not send. Once somebody has an account, admins make further ones: `sallyport people add`.',
  examples: [['sallyport account', 'open the link in a browser on this machine']],
  async run(call) {
    const client = gatewayOf(call);
    if (typeof client === 'number') return client;
    const answer = await client.call('setup.link', {});
    if (answer.kind === 'failure') return report(call, answer);
    call.terminal.note(`Opens once, until ${clockTime(answer.value.expires_at)}:\n`);
    call.terminal.write(call.json ? `${visibleJson(answer.value)}\n` : `${answer.value.link}\n`);
    return DONE;
  },
};
