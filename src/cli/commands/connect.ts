import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from '../../api/client/index.ts';
import type { Connection } from '../../api/contract/index.ts';
import { visibleJson } from '../../core/visible-text.ts';
import { type Call, type Command, DONE, type ExitCode, FAILED, UsageError } from '../command.ts';
import { gatewayOf, report, SIGN_IN_OPTIONS, signIn } from '../gateway.ts';
import { clockTime, dateTime, foreign, table } from '../paint.ts';

const ASK_EVERY_MS = 1_000;

export const connect: Command = {
  usage: '[upstream]',
  arity: [0, 1],
  about:
    'Signs you in at a server, so that agents that act in your name may use it as you. Prints the address that your browser opens, and waits until you are back at the console. With --end forgets what the gateway was given there. Without a server, lists them. Asks for your name and password.',
  examples: [
    ['sallyport connect notes --as ada', 'sign in at one server'],
    [
      'sallyport connect notes --gateway',
      'as an admin: an account for the gateway itself, for lists and for agents that act in nobody’s name',
    ],
    ['sallyport connect notes --end', 'no more, from the next call on'],
    ['sallyport connect', 'where you could, and did'],
  ],
  options: {
    ...SIGN_IN_OPTIONS,
    gateway: { type: 'boolean', about: 'For the gateway itself, in the place of you.' },
    end: { type: 'boolean', about: 'End the connection.' },
    'no-wait': { type: 'boolean', about: 'Print the address and go.' },
  },
  async run(call) {
    const [upstream] = call.args;
    const holder = call.options.flag('gateway') ? 'gateway' : 'me';
    if (upstream === undefined && (call.options.flag('end') || holder === 'gateway'))
      throw new UsageError('Name the server');
    const client = gatewayOf(call);
    if (typeof client === 'number') return client;
    const stranger = await signIn(call, client);
    if (stranger !== undefined) return stranger;
    if (upstream === undefined) return list(call, client);
    return call.options.flag('end')
      ? end(call, client, { upstream, holder })
      : begin(call, client, { upstream, holder });
  },
};

type Which = Pick<Connection, 'upstream' | 'holder'>;

async function list(call: Call, client: Client): Promise<ExitCode> {
  const answer = await client.call('connections.list', {});
  if (answer.kind === 'failure') return report(call, answer);
  const { connections } = answer.value;
  const rows = connections.map(({ upstream, holder, made }) => [
    foreign(upstream),
    holder === 'me' ? 'you' : 'the gateway',
    made === null ? 'no' : dateTime(made.made_at),
    made === null ? '' : foreign(made.issuer),
    made === null ? '' : ends(made),
  ]);
  const text = table([['server', 'for', 'connected (UTC)', 'signed in at', 'lasts'], ...rows], call.terminal);
  call.terminal.write(call.json ? `${visibleJson(answer.value, 2)}\n` : text);
  return DONE;
}

function ends({ renewable, access_expires_at }: NonNullable<Connection['made']>): string {
  if (renewable) return 'renewed by itself';
  return access_expires_at === null ? 'unknown' : `until ${dateTime(access_expires_at)}`;
}

async function end(call: Call, client: Client, { upstream, holder }: Which): Promise<ExitCode> {
  const answer = await client.call('connections.end', { params: { holder, upstream } });
  if (answer.kind === 'failure') return report(call, answer);
  call.terminal.write(
    call.json ? `${visibleJson(answer.value, 2)}\n` : `${foreign(upstream)} is not connected any more.\n`,
  );
  return DONE;
}

async function begin(call: Call, client: Client, which: Which): Promise<ExitCode> {
  const before = await madeAt(client, which);
  const answer = await client.call('connections.begin', { body: which });
  if (answer.kind === 'failure') return report(call, answer);
  const { url, issuer, scope, expires_at } = answer.value;
  if (call.json) call.terminal.write(`${visibleJson(answer.value, 2)}\n`);
  else {
    const wanted = scope === null ? '' : `, for: ${foreign(scope, 400)}`;
    call.terminal.note(
      `Open this in your browser, until ${clockTime(expires_at)}. You sign in at ${foreign(issuer)}${wanted}:\n`,
    );
    call.terminal.write(`${foreign(url, 4_096)}\n`);
  }
  if (call.json || call.options.flag('no-wait')) return DONE;
  call.terminal.note('Waiting until you are back at the console …\n');
  while (Date.now() < expires_at && !call.signal.aborted) {
    await sleep(ASK_EVERY_MS, undefined, { signal: call.signal }).catch(() => {});
    const now = await madeAt(client, which);
    if (now === before) continue;
    call.terminal.note(`${foreign(which.upstream)} is connected.\n`);
    return DONE;
  }
  call.terminal.note(
    `${foreign(which.upstream)} was not connected. Begin again: sallyport connect ${foreign(which.upstream)}\n`,
  );
  return FAILED;
}

async function madeAt(client: Client, { upstream, holder }: Which): Promise<number | undefined> {
  const answer = await client.call('connections.list', {});
  if (answer.kind === 'failure') return undefined;
  return answer.value.connections.find((one) => one.upstream === upstream && one.holder === holder)?.made?.made_at;
}
