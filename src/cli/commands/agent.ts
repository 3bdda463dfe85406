import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import type { Output } from '../../api/contract/index.ts';
import { isJsonObject, parseJson } from '../../core/json.ts';
import { visibleJson, visibleText } from '../../core/visible-text.ts';
import { type Call, type Command, DONE, UsageError } from '../command.ts';
import { gatewayOf, PRESENCE_OPTIONS, report, showPresence } from '../gateway.ts';
import { dateTime, facts, foreign, table } from '../paint.ts';
import type { Terminal } from '../terminal.ts';

export const list: Command = {
  usage: '',
  arity: [0, 0],
  about:
    'Lists the registered agents: who answers for each, the jobs that it may do, its keys, and whether it is stopped.',
  examples: [['sallyport agent list', 'all of them']],
  async run(call) {
    const client = gatewayOf(call);
    if (typeof client === 'number') return client;
    const answer = await client.call('agents.list', {});
    if (answer.kind === 'failure') return report(call, answer);
    const { agents } = answer.value;
    if (call.json) call.terminal.write(`${visibleJson(answer.value, 2)}\n`);
    else if (agents.length === 0)
      call.terminal.write('No agent yet. Register one: sallyport agent add <id> --owner <who> --job <job>\n');
    else {
      const rows = agents.map(({ id, owner, jobs, key, added_at, stopped_by }) => [
        id,
        owner,
        jobs.join(' '),
        key.slice(0, 16),
        dateTime(added_at),
        stopped_by === null ? 'active' : `stopped (${stopped_by})`,
      ]);
      call.terminal.write(table([['agent', 'owner', 'jobs', 'key', 'added (UTC)', 'state'], ...rows], call.terminal));
    }
    return DONE;
  },
};

export const show: Command = {
  usage: '<id>',
  arity: [1, 1],
  about:
    'Shows one agent and all that can act as it: its key, the bearer tokens that live, and the workloads of other issuers and trust domains that the configuration says it is.',
  examples: [['sallyport agent show triage', 'who answers for it, and what could act as it']],
  async run(call) {
    const [id = ''] = call.args;
    const client = gatewayOf(call);
    if (typeof client === 'number') return client;
    const workloads = await client.call('agents.workloads', { params: { agent: id } });
    if (workloads.kind === 'failure') return report(call, workloads);
    const agents = await client.call('agents.list', {});
    if (agents.kind === 'failure') return report(call, agents);
    const tokens = await client.call('tokens.list', {});
    if (tokens.kind === 'failure') return report(call, tokens);
    const agent = agents.value.agents.find((each) => each.id === id);
    if (agent === undefined) throw new UsageError(`There is no agent ${id}; see: sallyport agent list`);
    const live = tokens.value.tokens.filter((token) => token.agent === id && token.revoked_at === null);
    const shown = { agent, tokens: live, workloads: workloads.value.workloads };
    call.terminal.write(call.json ? `${visibleJson(shown, 2)}\n` : agentText(shown, call.terminal));
    return DONE;
  },
};

type Shown = {
  agent: Output<'agents.list'>['agents'][number];
  tokens: Output<'tokens.list'>['tokens'];
  workloads: Output<'agents.workloads'>['workloads'];
};

const WORKLOAD_WORDS = { token: 'a token of', svid: 'an SVID of', socket: 'a socket of' } as const;

function agentText({ agent, tokens, workloads }: Shown, terminal: Terminal): string {
  const { id, owner, jobs, key, added_at, stopped_by } = agent;
  const rows: [string, string][] = [
    ['agent', id],
    ['owner', owner],
    ['jobs', jobs.join(' ')],
    ['state', stopped_by === null ? 'active' : `stopped (${stopped_by})`],
    ['key', `${key}, since ${dateTime(added_at)} UTC`],
    ...tokens.map(({ id: token, job, expires_at }): [string, string] => [
      'bearer token',
      `${token}, job ${job}, until ${dateTime(expires_at)} UTC`,
    ]),
    ...workloads.map(({ kind, from, when, job }): [string, string] => [
      'workload',
      `${WORKLOAD_WORDS[kind]} ${from}: ${when.join('; ')}${job === null ? '' : `, job ${job}`}`,
    ]),
  ];
  return facts(
    rows.map(([name, value]) => [name, visibleText(value)] as const),
    terminal,
  );
}

export const add: Command = {
  usage: '<id>',
  arity: [1, 1],
  about:
    'Registers an agent with the jobs that it may do. Give its public key, or let one be made: then the private key is printed once, or written with mode 0600, and kept nowhere.',
  examples: [
    ['sallyport agent add triage --owner ops --job triage-issues --out triage.jwk', 'make a key, write it to a file'],
    ['sallyport agent add triage --owner ops --job triage-issues --public-key triage.pub.jwk', 'take a public key'],
  ],
  options: {
    owner: { type: 'string', value: '<who>', about: 'Person or team that answers for it. Required.' },
    job: {
      type: 'string',
      multiple: true,
      value: '<job>',
      about: 'A kind of work that it may do; may be given again. Required.',
    },
    purpose: {
      type: 'string',
      multiple: true,
      value: '<purpose>',
      about: 'What its runs may be for; may be given again.',
    },
    'for-user': {
      type: 'string',
      multiple: true,
      value: '<name>',
      about: 'A person in whose name it may act without asking them; may be given again.',
    },
    'public-key': { type: 'string', value: '<file>', about: 'Its public key, a JWK.' },
    out: { type: 'string', value: '<file>', about: 'Where to write the private key; the file must not exist.' },
  },
  async run(call) {
    const [id = ''] = call.args;
    const owner = call.options.text('owner');
    const jobs = call.options.texts('job');
    if (owner === undefined || jobs.length === 0) throw new UsageError('Give --owner <who> and --job <job>');
    const keyFile = call.options.text('public-key');
    const publicKey = keyFile === undefined ? {} : { public_key: readPublicKey(keyFile) };
    const purposes = [...call.options.texts('purpose')];
    const users = [...call.options.texts('for-user')];
    const client = gatewayOf(call);
    if (typeof client === 'number') return client;
    const answer = await client.call('agents.add', {
      body: { id, owner, jobs: [...jobs], purposes, users, ...publicKey },
    });
    if (answer.kind === 'failure') return report(call, answer);
    giveKey(call, answer.value, `Registered ${foreign(id)} for ${jobs.map((job) => foreign(job)).join(', ')}.`);
    if (!call.json) {
      call.terminal.note(
        `A token for clients that can only send a header: sallyport agent token ${foreign(id)} --job ${foreign(jobs[0]!)}\n`,
      );
    }
    return DONE;
  },
};

/** The private key, where one was made: to its file, or once to the terminal. */
function giveKey(call: Call, { agent, private_key: key }: Output<'agents.add'>, done: string): void {
  const out = call.options.text('out');
  if (key !== null && out !== undefined) writeFileSync(out, `${JSON.stringify(key)}\n`, { mode: 0o600, flag: 'wx' });
  if (call.json) {
    call.terminal.write(`${visibleJson(out === undefined ? { agent, private_key: key } : { agent }, 2)}\n`);
    return;
  }
  call.terminal.note(`${done}\n`);
  if (key === null) return;
  if (out !== undefined) call.terminal.note(`Its private key is in ${out}. It is kept nowhere else.\n`);
  else {
    call.terminal.note('Its private key follows, once. It is kept nowhere else.\n');
    call.terminal.write(`${visibleJson(key)}\n`);
  }
}

export const rotate: Command = {
  usage: '<id>',
  arity: [1, 1],
  about:
    'Gives an agent another key, from now on and on every replica. Access tokens and delegations that were got with the old one end and what is in flight is cut; its runs stay open, to go on with by the new key, and so do its bearer tokens. Needs presence. Where sallyport.yaml names the key, change it there.',
  examples: [
    ['sallyport agent rotate triage --out triage.jwk --as ada', 'make a key, write it to a file'],
    ['sallyport agent rotate triage --public-key triage.pub.jwk --as ada', 'take a public key'],
  ],
  options: {
    'public-key': { type: 'string', value: '<file>', about: 'Its new public key, a JWK.' },
    out: { type: 'string', value: '<file>', about: 'Where to write the private key; the file must not exist.' },
    ...PRESENCE_OPTIONS,
  },
  async run(call) {
    const [agent = ''] = call.args;
    const keyFile = call.options.text('public-key');
    const body = keyFile === undefined ? {} : { public_key: readPublicKey(keyFile) };
    const out = call.options.text('out');
    // The old key ends with the answer, so the new one must have a place before it is asked for.
    if (out !== undefined && existsSync(out)) throw new UsageError(`${out} exists already`);
    const client = gatewayOf(call);
    if (typeof client === 'number') return client;
    const absent = await showPresence(call, client);
    if (absent !== undefined) return absent;
    const answer = await client.call('agents.rotate', { params: { agent }, body });
    if (answer.kind === 'failure') return report(call, answer);
    giveKey(call, answer.value, `${foreign(agent)} has another key. The old one is worth nothing any more.`);
    return DONE;
  },
};

/** Refuses a private key: it has no business here, and would cross into a request. */
function readPublicKey(file: string): Record<string, string> {
  const value = parseJson(readFileSync(file));
  if (!isJsonObject(value)) throw new UsageError(`${file} is not a JWK: an object was expected`);
  if (['d', 'p', 'q', 'dp', 'dq', 'qi', 'k'].some((part) => part in value))
    throw new UsageError(`${file} holds a private key. Give the public one`);
  const entries = Object.entries(value).filter((entry): entry is [string, string] => typeof entry[1] === 'string');
  return Object.fromEntries(entries);
}

export const remove: Command = {
  usage: '<id>',
  arity: [1, 1],
  about: 'Removes an agent: what it has in flight is cut, its tokens stop working. Its receipts stay.',
  examples: [['sallyport agent remove triage', 'remove one']],
  async run(call) {
    const [agent = ''] = call.args;
    const client = gatewayOf(call);
    if (typeof client === 'number') return client;
    const answer = await client.call('agents.remove', { params: { agent } });
    if (answer.kind === 'failure') return report(call, answer);
    call.terminal.write(call.json ? `${visibleJson(answer.value)}\n` : `Removed ${foreign(agent)}.\n`);
    return DONE;
  },
};
