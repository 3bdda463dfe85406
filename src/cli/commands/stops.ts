import { STOP_KINDS } from '../../api/contract/index.ts';
import { visibleJson } from '../../core/visible-text.ts';
import { type Call, type Command, DONE, type ExitCode, UsageError } from '../command.ts';
import { gatewayOf, PRESENCE_OPTIONS, report, showPresence } from '../gateway.ts';
import { dateTime, foreign, table } from '../paint.ts';

export const kill: Command = {
  usage: '<kind> [id]',
  arity: [1, 2],
  about:
    'Stops an agent, a run, a key, a token, an upstream, or everything, at once: what is in flight is cut, and what comes is refused until somebody resumes it. Works while the database is away.',
  examples: [
    ['sallyport kill agent triage --reason "reads what it should not"', 'stop one agent'],
    ['sallyport kill upstream files', 'nothing more reaches that server'],
    ['sallyport kill all', 'stop everything'],
  ],
  options: {
    reason: { type: 'string', short: 'r', value: '<text>', about: 'Why; recorded, and shown to who resumes it.' },
  },
  async run(call) {
    const [kindText = '', id] = call.args;
    const kind = STOP_KINDS.find((known) => known === kindText);
    if (kind === undefined) throw new UsageError(`<kind> is one of ${STOP_KINDS.join(', ')}`);
    if ((kind === 'all') !== (id === undefined))
      throw new UsageError(kind === 'all' ? 'all takes no id' : `Missing: the id of the ${kind}`);
    const client = gatewayOf(call);
    if (typeof client === 'number') return client;
    const reason = call.options.text('reason') ?? 'stopped from the command line';
    const answer = await client.call('stops.set', { body: { kind, reason, ...(id === undefined ? {} : { id }) } });
    if (answer.kind === 'failure') return report(call, answer);
    const { stop } = answer.value;
    call.terminal.write(
      call.json
        ? `${visibleJson(answer.value)}\n`
        : `Stopped ${kind}${id === undefined ? '' : ` ${foreign(id)}`}. Lift it: sallyport resume ${foreign(stop)}\n`,
    );
    return DONE;
  },
};

export const resume: Command = {
  usage: '[stop]',
  arity: [0, 1],
  about:
    'Lifts a stop, by the id that `kill` printed. Needs presence: a code of an authenticator. Without an id, lists what is stopped.',
  examples: [
    ['sallyport resume', 'what is stopped, by whom and why'],
    ['sallyport resume stp_17 --as ada', 'lift one; asks for password and code'],
  ],
  options: PRESENCE_OPTIONS,
  async run(call) {
    const [stop] = call.args;
    if (stop === undefined) return listStops(call);
    const client = gatewayOf(call);
    if (typeof client === 'number') return client;
    const absent = await showPresence(call, client);
    if (absent !== undefined) return absent;
    const answer = await client.call('stops.lift', { params: { stop } });
    if (answer.kind === 'failure') return report(call, answer);
    call.terminal.write(call.json ? `${visibleJson(answer.value)}\n` : `Lifted ${foreign(stop)}.\n`);
    return DONE;
  },
};

async function listStops(call: Call): Promise<ExitCode> {
  const client = gatewayOf(call);
  if (typeof client === 'number') return client;
  const answer = await client.call('stops.list', {});
  if (answer.kind === 'failure') return report(call, answer);
  const { stops } = answer.value;
  if (call.json) call.terminal.write(`${visibleJson(answer.value, 2)}\n`);
  else if (stops.length === 0) call.terminal.write('Nothing is stopped.\n');
  else {
    const rows = stops.map(({ stop, kind, id, by, since, reason }) => [
      stop,
      kind,
      id ?? '',
      by,
      dateTime(since),
      reason,
    ]);
    call.terminal.write(table([['stop', 'kind', 'id', 'by', 'since (UTC)', 'reason'], ...rows], call.terminal));
  }
  return DONE;
}
