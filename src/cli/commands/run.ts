import type { Run } from '../../api/contract/index.ts';
import { visibleJson } from '../../core/visible-text.ts';
import { type Call, type Command, DONE, type ExitCode, UsageError } from '../command.ts';
import { gatewayOf, report } from '../gateway.ts';
import { dateTime, foreign, table } from '../paint.ts';

export const start: Command = {
  usage: '<agent>',
  arity: [1, 1],
  about:
    'Opens a run of an agent and prints a bearer token that is good for this run alone. Job, purpose and user must have been granted to the agent. An agent with a key goes on with the run by itself: it asks for a token with the parameter run.',
  examples: [
    ['sallyport agent run triage --job triage-issues', 'a run of a day at most'],
    ['sallyport agent run triage --job support --purpose refunds --for ann --minutes 30', 'for half an hour, for ann'],
  ],
  options: {
    job: { type: 'string', value: '<job>', about: 'The job that it is. Required.' },
    purpose: {
      type: 'string',
      value: '<purpose>',
      about: 'What for, of the purposes that the agent is registered for.',
    },
    for: { type: 'string', value: '<user>', about: 'In whose name, of the users that the agent is registered for.' },
    minutes: {
      type: 'string',
      value: '<count>',
      about: 'When it ends by itself (at most 1440, which is the default).',
    },
  },
  async run(call) {
    const [agent = ''] = call.args;
    const job = call.options.text('job');
    if (job === undefined) throw new UsageError('Give --job <job>: a run is of one job');
    const purpose = call.options.text('purpose');
    const user = call.options.text('for');
    const minutes = minutesOf(call.options.text('minutes'));
    const client = gatewayOf(call);
    if (typeof client === 'number') return client;
    const answer = await client.call('runs.start', {
      body: {
        agent,
        job,
        ...(purpose === undefined ? {} : { purpose }),
        ...(user === undefined ? {} : { user }),
        ...(minutes === undefined ? {} : { minutes }),
      },
    });
    if (answer.kind === 'failure') return report(call, answer);
    const { run, secret } = answer.value;
    if (call.json) call.terminal.write(`${visibleJson(answer.value, 2)}\n`);
    else {
      call.terminal.note(
        `${run.id} of ${foreign(agent)}, until ${dateTime(run.expires_at)} UTC. End it: sallyport run end ${run.id}\n`,
      );
      call.terminal.write(`${secret}\n`);
    }
    return DONE;
  },
};

export function minutesOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const minutes = Number(text);
  if (!Number.isInteger(minutes) || minutes < 1 || minutes > 1_440) {
    throw new UsageError('--minutes is a number from 1 to 1440');
  }
  return minutes;
}

export const run: Command = {
  usage: '<list|show|end> [run]',
  arity: [1, 2],
  about:
    'Lists runs, the newest first; shows one: who opened it, for what and for whom, and the delegation that it began with; or ends one: what it has in flight is cut, and whatever was delegated from it ends too.',
  examples: [
    ['sallyport run list', 'the last hundred'],
    ['sallyport run show run_0123456789abcdefghijklmnop', 'one run'],
    ['sallyport run end run_0123456789abcdefghijklmnop', 'end it now'],
  ],
  async run(call) {
    const [verb = '', id] = call.args;
    if (verb === 'list' && id === undefined) return list(call);
    if (verb === 'show' && id !== undefined) return show(id, call);
    if (verb === 'end' && id !== undefined) return end(id, call);
    throw new UsageError('Say list, show <run> or end <run>');
  },
};

async function list(call: Call): Promise<ExitCode> {
  const client = gatewayOf(call);
  if (typeof client === 'number') return client;
  const answer = await client.call('runs.list', {});
  if (answer.kind === 'failure') return report(call, answer);
  const { runs } = answer.value;
  if (call.json) call.terminal.write(`${visibleJson(answer.value, 2)}\n`);
  else if (runs.length === 0) call.terminal.write('No run was opened yet.\n');
  else {
    const heads = ['run', 'agent', 'job', 'purpose', 'for', 'opened (UTC)', 'state'];
    call.terminal.write(table([heads, ...runs.map(row)], call.terminal));
  }
  return DONE;
}

function row(run: Run): string[] {
  const { id, agent, job, purpose, subject, opened_at } = run;
  return [id, agent, job, purpose ?? '', subject ?? '', dateTime(opened_at), stateOf(run)];
}

function stateOf({ ended_at, expires_at }: Run): string {
  if (ended_at !== null) return `ended ${dateTime(ended_at)}`;
  return expires_at > Date.now() ? `until ${dateTime(expires_at)}` : 'expired';
}

async function show(id: string, call: Call): Promise<ExitCode> {
  const client = gatewayOf(call);
  if (typeof client === 'number') return client;
  const answer = await client.call('runs.show', { params: { run: id } });
  if (answer.kind === 'failure') return report(call, answer);
  const { run } = answer.value;
  if (call.json) call.terminal.write(`${visibleJson(answer.value, 2)}\n`);
  else {
    const rows = [
      ['run', run.id],
      ['agent', run.agent],
      ['job', run.job],
      ['purpose', run.purpose ?? 'none'],
      ['for', run.subject ?? 'nobody'],
      ['delegation', run.delegation ?? 'none'],
      ['opened (UTC)', `${dateTime(run.opened_at)} by ${run.opened_by}`],
      ['state', stateOf(run)],
    ];
    call.terminal.write(table(rows, call.terminal));
  }
  return DONE;
}

async function end(id: string, call: Call): Promise<ExitCode> {
  const client = gatewayOf(call);
  if (typeof client === 'number') return client;
  const answer = await client.call('runs.end', { params: { run: id } });
  if (answer.kind === 'failure') return report(call, answer);
  call.terminal.write(call.json ? `${visibleJson(answer.value)}\n` : `Ended ${foreign(id)}.\n`);
  return DONE;
}
