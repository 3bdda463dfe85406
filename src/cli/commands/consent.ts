import { readFileSync } from 'node:fs';
import { visibleJson } from '../../core/visible-text.ts';
import { type Call, type Command, DONE, UsageError } from '../command.ts';
import { gatewayOf, report, SIGN_IN_OPTIONS, signIn } from '../gateway.ts';
import { dateTime, foreign, table } from '../paint.ts';

export const consent: Command = {
  usage: '[upstream]',
  arity: [0, 1],
  about:
    'Lets the gateway’s client at a server act in your name, for the agents that act in it; with --withdraw takes that back. Without a server, lists where you did. Asks for your name and password.',
  examples: [
    ['sallyport consent crm --as ada', 'at one server'],
    ['sallyport consent crm --withdraw', 'no more, from the next call on'],
    ['sallyport consent crm --id-token -', 'with your ID token from the company, where the server needs one'],
    ['sallyport consent', 'where you did'],
  ],
  options: {
    ...SIGN_IN_OPTIONS,
    withdraw: { type: 'boolean', about: 'Take it back.' },
    'id-token': {
      type: 'string',
      value: '<file>',
      about: 'A file with an ID token of yours, of the company’s identity provider; - reads it from standard input.',
    },
  },
  async run(call) {
    const [upstream] = call.args;
    const withdraws = call.options.flag('withdraw');
    if (withdraws && upstream === undefined) throw new UsageError('--withdraw needs the server');
    const client = gatewayOf(call);
    if (typeof client === 'number') return client;
    const stranger = await signIn(call, client);
    if (stranger !== undefined) return stranger;
    if (upstream === undefined) {
      const answer = await client.call('consents.list', {});
      if (answer.kind === 'failure') return report(call, answer);
      const rows = answer.value.consents.map(({ upstream, given_at }) => [upstream, dateTime(given_at)]);
      call.terminal.write(
        call.json
          ? `${visibleJson(answer.value, 2)}\n`
          : table([['server', 'consented (UTC)'], ...rows], call.terminal),
      );
      return DONE;
    }
    const answer = withdraws
      ? await client.call('consents.withdraw', { params: { upstream } })
      : await client.call('consents.give', { body: { upstream, ...(await idToken(call)) } });
    if (answer.kind === 'failure') return report(call, answer);
    const said = withdraws ? 'Agents act there in your name no more' : 'Agents may act there in your name';
    call.terminal.write(call.json ? `${visibleJson(answer.value, 2)}\n` : `${said}: ${foreign(upstream)}.\n`);
    return DONE;
  },
};

async function idToken(call: Call): Promise<{ id_token?: string }> {
  const file = call.options.text('id-token');
  if (file === undefined) return {};
  const text = file === '-' ? await call.terminal.input() : readFile(file);
  return { id_token: text.trim() };
}

function readFile(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    throw new UsageError(`${file} cannot be read`);
  }
}
