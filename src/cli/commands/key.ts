import { visibleJson } from '../../core/visible-text.ts';
import { type Command, DONE } from '../command.ts';
import { gatewayOf, PRESENCE_OPTIONS, report, showPresence } from '../gateway.ts';
import { dateTime, table } from '../paint.ts';

export const list: Command = {
  usage: '',
  arity: [0, 0],
  about:
    'Shows the keys that sign tokens and delegations: one for each replica, and those before them that still count.',
  examples: [['sallyport key list', 'which key signs here, and since when it is known']],
  async run(call) {
    const client = gatewayOf(call);
    if (typeof client === 'number') return client;
    const answer = await client.call('keys.list', {});
    if (answer.kind === 'failure') return report(call, answer);
    const rows = answer.value.keys.map(({ kid, added_at, used_at, retired_at, signs }) => [
      kid,
      dateTime(added_at),
      dateTime(used_at),
      retired_at === null ? '' : dateTime(retired_at),
      signs ? 'signs' : '',
    ]);
    const head = ['key', 'known since (UTC)', 'last used (UTC)', 'retired (UTC)', 'here'];
    call.terminal.write(call.json ? `${visibleJson(answer.value, 2)}\n` : table([head, ...rows], call.terminal));
    return DONE;
  },
};

export const rotate: Command = {
  usage: '',
  arity: [0, 0],
  about:
    'Replaces the signing key of every replica: the next one is published now and signs in five minutes, and what the old one signed counts until it expires. With --compromised the old ones count no more from now on: agents take new tokens, people lend anew. Needs presence.',
  examples: [
    ['sallyport key rotate --as ada', 'asks for password and code; nobody notices'],
    ['sallyport key rotate --compromised --as ada', 'after a key may have been copied'],
  ],
  options: {
    compromised: { type: 'boolean', about: 'What the old keys signed counts no more, from now on.' },
    ...PRESENCE_OPTIONS,
  },
  async run(call) {
    const client = gatewayOf(call);
    if (typeof client === 'number') return client;
    const absent = await showPresence(call, client);
    if (absent !== undefined) return absent;
    const answer = await client.call('keys.rotate', { body: { compromised: call.options.flag('compromised') } });
    if (answer.kind === 'failure') return report(call, answer);
    call.terminal.write(call.json ? `${visibleJson(answer.value)}\n` : 'Done. See: sallyport key list\n');
    return DONE;
  },
};
