import { visibleJson } from '../../core/visible-text.ts';
import { type Call, type Command, DONE, type ExitCode, UsageError } from '../command.ts';
import { gatewayOf, report } from '../gateway.ts';
import { dateTime, foreign, table } from '../paint.ts';

export const token: Command = {
  usage: '[agent]',
  arity: [0, 1],
  about:
    'Issues a bearer token for one job of one agent, for clients that can only send a header. Policies see that it is the weaker credential. It is printed once, on standard output, and stored as a hash. Without an agent, lists the tokens.',
  examples: [
    ['sallyport agent token triage --job triage-issues --days 30', 'issue one'],
    ['sallyport agent token', 'list them'],
    ['sallyport agent token --revoke tok_0123456789abcdefghijklmnop', 'revoke one'],
  ],
  options: {
    job: { type: 'string', value: '<job>', about: 'The job that it is for. Required to issue one.' },
    days: { type: 'string', value: '<count>', about: 'How long it is good (default 30, at most 365).' },
    revoke: { type: 'string', value: '<id>', about: 'Revoke this one, at once.' },
  },
  async run(call) {
    const revoked = call.options.text('revoke');
    if (revoked !== undefined) return revoke(revoked, call);
    const [agent] = call.args;
    return agent === undefined ? listTokens(call) : issue(agent, call);
  },
};

async function issue(agent: string, call: Call): Promise<ExitCode> {
  const job = call.options.text('job');
  if (job === undefined) throw new UsageError('Give --job <job>: a token is for one job');
  const days = Number(call.options.text('days') ?? '30');
  if (!Number.isInteger(days) || days < 1 || days > 365) throw new UsageError('--days is a number from 1 to 365');
  const client = gatewayOf(call);
  if (typeof client === 'number') return client;
  const answer = await client.call('tokens.issue', { body: { agent, job, days } });
  if (answer.kind === 'failure') return report(call, answer);
  if (call.json) call.terminal.write(`${visibleJson(answer.value, 2)}\n`);
  else {
    call.terminal.note(
      `A token of ${foreign(agent)} for ${foreign(job)}, good for ${days} days. Revoke it: sallyport agent token --revoke ${answer.value.token.id}\n`,
    );
    call.terminal.write(`${answer.value.secret}\n`);
  }
  return DONE;
}

async function revoke(id: string, call: Call): Promise<ExitCode> {
  const client = gatewayOf(call);
  if (typeof client === 'number') return client;
  const answer = await client.call('tokens.revoke', { params: { token: id } });
  if (answer.kind === 'failure') return report(call, answer);
  call.terminal.write(call.json ? `${visibleJson(answer.value)}\n` : `Revoked ${foreign(id)}.\n`);
  return DONE;
}

async function listTokens(call: Call): Promise<ExitCode> {
  const client = gatewayOf(call);
  if (typeof client === 'number') return client;
  const answer = await client.call('tokens.list', {});
  if (answer.kind === 'failure') return report(call, answer);
  const { tokens } = answer.value;
  if (call.json) call.terminal.write(`${visibleJson(answer.value, 2)}\n`);
  else if (tokens.length === 0) call.terminal.write('No bearer token was issued.\n');
  else {
    const rows = tokens.map(({ id, agent, job, issued_at, expires_at, revoked_at }) => [
      id,
      agent,
      job,
      dateTime(issued_at),
      dateTime(expires_at),
      revoked_at === null ? '' : `revoked ${dateTime(revoked_at)}`,
    ]);
    call.terminal.write(table([['token', 'agent', 'job', 'issued (UTC)', 'expires', ''], ...rows], call.terminal));
  }
  return DONE;
}
