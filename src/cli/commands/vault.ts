import { VAULT_KINDS, type VaultEntry } from '../../api/contract/index.ts';
import { visibleJson } from '../../core/visible-text.ts';
import { type Call, type Command, DONE, type ExitCode, FAILED, type Option, UsageError } from '../command.ts';
import { gatewayOf, PRESENCE_OPTIONS, report, showPresence } from '../gateway.ts';
import { dateTime, foreign, table } from '../paint.ts';

const DAY_MS = 86_400_000;

const many = (value: string, about: string): Option => ({ type: 'string', multiple: true, value, about });

export const set: Command = {
  usage: '<name>',
  arity: [1, 1],
  about:
    'Seals a credential of an upstream, with the agents that it serves and the hosts that it may go to. The secret is read from standard input, or asked for on a terminal and not shown; never from an argument, which other programs and the shell’s history would see. It is never printed again. Needs presence.',
  examples: [
    ['sallyport vault set github --kind bearer --agent triage --host api.github.com --as ada', 'asks for the secret'],
    [
      'sallyport vault set mail --kind basic --agent "*" --host mail.example.com --as ada --password-file p --code 123456 < secret',
      'from a file, in a script: USER:PASSWORD',
    ],
    [
      'sallyport vault set crm --kind oauth_refresh --agent support --host api.crm.example --token-endpoint https://login.crm.example/token --client-id sallyport --as ada',
      'a refresh token',
    ],
  ],
  options: {
    kind: { type: 'string', value: '<kind>', about: `One of ${VAULT_KINDS.join(', ')}. Required.` },
    agent: many('<agent>', 'An agent that it serves, * for all; may be given again. Required.'),
    job: many('<job>', 'A job that it serves (default all).'),
    user: many('<name>', 'A user in whose name it serves (default all, and nobody).'),
    host: many('<host[:port]>', 'Host that it may be sent to, as in the upstream’s address.'),
    program: many('<upstream>', 'Upstream that is a program, whose children get it.'),
    header: { type: 'string', value: '<name>', about: 'Header of an api_key (default x-api-key).' },
    'token-endpoint': { type: 'string', value: '<url>', about: 'Where an oauth_refresh is renewed.' },
    'client-id': { type: 'string', value: '<id>', about: 'The client that the refresh token was given to.' },
    scope: { type: 'string', value: '<scope>', about: 'What is asked for when it is renewed.' },
    days: { type: 'string', value: '<count>', about: 'How long it is good (default: without end).' },
    ...PRESENCE_OPTIONS,
  },
  async run(call) {
    const [name = ''] = call.args;
    const body = { name, ...termsOf(call) };
    return withSecret(call, (client, secret) => client.call('vault.set', { body: { ...body, secret } }));
  },
};

function termsOf({ options }: Call) {
  const kind = VAULT_KINDS.find((known) => known === options.text('kind'));
  if (kind === undefined) throw new UsageError(`Give --kind: one of ${VAULT_KINDS.join(', ')}`);
  const agents = [...options.texts('agent')];
  if (agents.length === 0) throw new UsageError('Give --agent <agent>: whom it serves, * for all');
  const list = (name: string) => (options.texts(name).length === 0 ? undefined : [...options.texts(name)]);
  const days = options.text('days');
  if (days !== undefined && !/^[1-9]\d{0,3}$/.test(days)) throw new UsageError('--days is a number from 1 to 9999');
  const terms = {
    jobs: list('job'),
    users: list('user'),
    hosts: list('host'),
    programs: list('program'),
    header: options.text('header'),
    oauth: oauthOf(options),
    expires_at: days === undefined ? undefined : Date.now() + Number(days) * DAY_MS,
  };
  return { kind, agents, ...withoutAbsent(terms) };
}

function oauthOf(options: Call['options']) {
  const token_endpoint = options.text('token-endpoint');
  const client_id = options.text('client-id');
  if (token_endpoint === undefined || client_id === undefined) return undefined;
  return { token_endpoint, client_id, scope: options.text('scope') ?? null };
}

type Present<T> = { [K in keyof T]?: Exclude<T[K], undefined> };

function withoutAbsent<T extends object>(values: T): Present<T> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as Present<T>;
}

export const rotate: Command = {
  usage: '<name>',
  arity: [1, 1],
  about:
    'Gives an entry another secret, under the same terms. Read as `vault set` reads it; what was there is gone, and programs that were started with it are ended. Needs presence.',
  examples: [['sallyport vault rotate github --as ada', 'asks for the new secret']],
  options: PRESENCE_OPTIONS,
  async run(call) {
    const [name = ''] = call.args;
    return withSecret(call, (client, secret) => client.call('vault.rotate', { params: { name }, body: { secret } }));
  },
};

type Client = Exclude<ReturnType<typeof gatewayOf>, number>;

/** The secret first: what is piped is there at once, and a person types it before the code, which does not last. */
async function withSecret(
  call: Call,
  send: (client: Client, secret: string) => ReturnType<Client['call']>,
): Promise<ExitCode> {
  const { terminal } = call;
  const secret = terminal.interactive ? await terminal.ask('Secret: ', true) : await terminal.input();
  if (secret === '') {
    terminal.note('No secret was given on standard input. Nothing was changed.\n');
    return FAILED;
  }
  const client = gatewayOf(call);
  if (typeof client === 'number') return client;
  const absent = await showPresence(call, client);
  if (absent !== undefined) return absent;
  const answer = await send(client, secret);
  if (answer.kind === 'failure') return report(call, answer);
  const entry = answer.value as VaultEntry;
  if (call.json) terminal.write(`${visibleJson(entry, 2)}\n`);
  else {
    terminal.write(`Sealed ${foreign(entry.name)}, version ${entry.version}.\n`);
    terminal.note(`Show it to an upstream: credential: { vault: ${foreign(entry.name)} } in sallyport.yaml\n`);
  }
  return DONE;
}

export const list: Command = {
  usage: '',
  arity: [0, 0],
  about: 'Lists the entries of the vault: kind, whom they serve, where they may go, when they were used. No secrets.',
  examples: [['sallyport vault list', 'all of them']],
  async run(call) {
    const client = gatewayOf(call);
    if (typeof client === 'number') return client;
    const answer = await client.call('vault.list', {});
    if (answer.kind === 'failure') return report(call, answer);
    const { entries, problem } = answer.value;
    if (call.json) call.terminal.write(`${visibleJson(answer.value, 2)}\n`);
    else if (entries.length === 0)
      call.terminal.write('The vault is empty. Set an entry: sallyport vault set <name>\n');
    else call.terminal.write(table([HEAD, ...entries.map(rowOf)], call.terminal));
    if (problem !== null && !call.json) call.terminal.note(`${foreign(problem)}\n`);
    return DONE;
  },
};

const HEAD = ['entry', 'kind', 'agents', 'goes to', 'version', 'used (UTC)', 'expires'];

function rowOf({ name, kind, agents, hosts, programs, version, used_at, expires_at }: VaultEntry): string[] {
  return [
    name,
    kind,
    agents.join(' '),
    [...hosts, ...programs].join(' '),
    String(version),
    used_at === null ? 'never' : dateTime(used_at),
    expires_at === null ? '' : dateTime(expires_at),
  ];
}

export const show: Command = {
  usage: '<name>',
  arity: [1, 1],
  about: 'Shows whom an entry serves, where it may go, and when it was set, rotated and used. Never what it holds.',
  examples: [['sallyport vault show github', 'one entry']],
  async run(call) {
    const [name = ''] = call.args;
    const client = gatewayOf(call);
    if (typeof client === 'number') return client;
    const answer = await client.call('vault.show', { params: { name } });
    if (answer.kind === 'failure') return report(call, answer);
    const entry = answer.value;
    if (call.json) call.terminal.write(`${visibleJson(entry, 2)}\n`);
    else call.terminal.write(table(factsOf(entry), call.terminal));
    return DONE;
  },
};

function factsOf(entry: VaultEntry): string[][] {
  const at = (time: number | null, otherwise: string) => (time === null ? otherwise : `${dateTime(time)} UTC`);
  return [
    ['entry', `${entry.name} (${entry.id}), version ${entry.version}`],
    ['kind', entry.header === null ? entry.kind : `${entry.kind}, in ${entry.header}`],
    ['serves', `agents ${entry.agents.join(' ')}; jobs ${entry.jobs.join(' ')}; users ${entry.users.join(' ')}`],
    ['goes to', [...entry.hosts, ...entry.programs.map((program) => `children of ${program}`)].join(' ')],
    ...(entry.oauth === null ? [] : [['renewed at', `${entry.oauth.token_endpoint} as ${entry.oauth.client_id}`]]),
    ...(entry.oauth === null ? [] : [['access token', at(entry.access_expires_at, 'none yet')]]),
    ['set', `${dateTime(entry.set_at)} UTC by ${entry.set_by}`],
    ['rotated', at(entry.rotated_at, 'never')],
    ['used', at(entry.used_at, 'never')],
    ['expires', at(entry.expires_at, 'without end')],
  ];
}

export const remove: Command = {
  usage: '<name>',
  arity: [1, 1],
  about: 'Removes an entry of the vault. Programs that were started with it are ended. Needs presence.',
  examples: [['sallyport vault remove github --as ada', 'remove one; asks for password and code']],
  options: PRESENCE_OPTIONS,
  async run(call) {
    const [name = ''] = call.args;
    const client = gatewayOf(call);
    if (typeof client === 'number') return client;
    const absent = await showPresence(call, client);
    if (absent !== undefined) return absent;
    const answer = await client.call('vault.remove', { params: { name } });
    if (answer.kind === 'failure') return report(call, answer);
    call.terminal.write(call.json ? `${visibleJson(answer.value)}\n` : `Removed ${foreign(name)}.\n`);
    return DONE;
  },
};
