import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from '../../api/client/index.ts';
import type { Simulation, SimulationResult } from '../../api/contract/index.ts';
import { visibleJson } from '../../core/visible-text.ts';
import { type Call, type Command, DONE, type ExitCode, FAILED } from '../command.ts';
import { differencesText } from '../differences.ts';
import { gatewayOf, report } from '../gateway.ts';
import { dateTime, fold, foreign } from '../paint.ts';
import { policySubject } from '../policy-subject.ts';
import { readSince } from '../span.ts';
import type { Terminal } from '../terminal.ts';

const POLL_MS = 250;

export const simulate: Command = {
  usage: '[folder|set]',
  arity: [0, 1],
  about:
    'Tries a policy set on what agents really asked for: every recorded decision is made again from its receipt, and those that come out otherwise are counted and shown. Nothing is enforced. Reading what was asked leaves a receipt. The folder is the one that sallyport.yaml names.',
  examples: [
    ['sallyport policy simulate', 'this folder’s policies, on the last 30 days'],
    ['sallyport policy simulate 3f9a2c51d0e4 --since 7d --agent triage', 'a proposed set, on one agent’s last week'],
    ['sallyport policy simulate policies --since 2026-11-01 --json', 'for a pipeline'],
  ],
  options: {
    since: { type: 'string', value: '<span|time>', about: 'From when on: 30d (the default), 12h, 2026-11-01.' },
    agent: { type: 'string', value: '<agent>', about: 'Exchanges of this agent alone.' },
  },
  async run(call) {
    const since = readSince(call.options.text('since') ?? '30d', '--since', Date.now());
    const subject = await policySubject(call);
    if (typeof subject === 'number') return subject;
    const client = gatewayOf(call);
    if (typeof client === 'number') return client;
    const agent = call.options.text('agent');
    const started = await client.call('policy.simulate', {
      body: { subject, since, ...(agent === undefined ? {} : { agent }) },
    });
    if (started.kind === 'failure') return report(call, started);
    const ended = await followed(call, client, started.value);
    return typeof ended === 'number' ? ended : show(call, ended);
  },
};

/** Until it is over; Ctrl-C ends it there as well. */
async function followed(call: Call, client: Client, first: Simulation): Promise<Simulation | ExitCode> {
  let now = first;
  while (now.state === 'running') {
    const operation = call.signal.aborted ? 'policy.simulate.cancel' : 'policy.simulation';
    const answer = await client.call(operation, { params: { id: now.id } });
    if (answer.kind === 'failure') return report(call, answer);
    now = answer.value;
    if (now.state !== 'running') break;
    if (!call.json && call.terminal.interactive) call.terminal.note(`\r${progressText(now)}`);
    await sleep(POLL_MS, undefined, { signal: call.signal }).catch(() => undefined);
  }
  if (!call.json && call.terminal.interactive) call.terminal.note('\r\n');
  return now;
}

function progressText({ progress: { read, of, differences } }: Simulation): string {
  const share = of === 0 ? 0 : Math.floor((read / of) * 100);
  return `${share} % of ${of} receipts read, ${differences} differences `;
}

function show({ terminal, json }: Call, simulation: Simulation): ExitCode {
  const { state, problem, result } = simulation;
  if (json) terminal.write(`${visibleJson(simulation, 2)}\n`);
  else if (state === 'cancelled') terminal.note('Cancelled. Nothing was changed.\n');
  else if (result === null) terminal.note(`The simulation failed: ${foreign(problem ?? 'why is not known')}\n`);
  else terminal.write(resultText(simulation, result, terminal));
  return state === 'done' ? DONE : FAILED;
}

function resultText(
  { set, active, since, progress }: Simulation,
  result: SimulationResult,
  terminal: Terminal,
): string {
  const { newly_denied, newly_permitted, newly_held, already, by_others, decisions, distinct } = result;
  const what = set === active ? 'the active set' : `set ${set.slice(0, 12)}`;
  const head = `${decisions} decisions since ${dateTime(since)} UTC (${distinct} different, out of ${progress.of} receipts) made again by ${what}.`;
  const total = newly_denied.count + newly_permitted.count + newly_held.count;
  const lines = [
    head,
    total === 0 ? 'No difference.' : `${total} come out otherwise.`,
    already === 0 ? '' : `The active set makes ${already} of these as well: they came with it.`,
    by_others === 0 ? '' : `${by_others} come to the same end by other policies.`,
    lost(result),
  ];
  const said = lines.filter((line) => line !== '').map((line) => `${fold(line, terminal.columns)}\n`);
  const groups = [
    differencesText('Newly denied', 'deny', newly_denied, terminal),
    differencesText('Newly permitted', 'permit', newly_permitted, terminal),
    differencesText('Newly held', 'hold', newly_held, terminal),
  ];
  return [...said, ...groups].join('');
}

const MISSING: Readonly<Record<string, string>> = {
  erased: 'what was asked was erased',
  agent: 'the agent’s registration is not here',
  run: 'the run is not here',
  delegation: 'what was lent is not what the receipt names',
  definition: 'the tool’s definition is not here',
  form: 'what was asked is in a form that is not read here',
};

function lost({ not_replayable }: SimulationResult): string {
  const entries = Object.entries(not_replayable).filter(([, count]) => count > 0);
  if (entries.length === 0) return '';
  const told = entries.map(([because, count]) => `${count} (${MISSING[because] ?? because})`);
  return `Not made again: ${told.join(', ')}.`;
}
