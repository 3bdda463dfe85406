import type { Client } from '../../api/client/index.ts';
import type { Output, Shadow } from '../../api/contract/index.ts';
import { visibleJson } from '../../core/visible-text.ts';
import { type Call, type Command, DONE, type ExitCode, UsageError } from '../command.ts';
import { differencesText } from '../differences.ts';
import { gatewayOf, report } from '../gateway.ts';
import { dateTime, fold, foreign } from '../paint.ts';
import { policySubject } from '../policy-subject.ts';
import { readSpan } from '../span.ts';
import type { Terminal } from '../terminal.ts';

export const shadow: Command = {
  usage: '[set|clear|differences] [folder|set]',
  arity: [0, 2],
  about:
    'Runs a policy set beside the one that decides. What it would have decided stands in each receipt; nothing of it is enforced, and it ends by itself. Without arguments, says which one runs. `differences` counts, from the receipts, what it would have decided otherwise; it reads what was asked, which leaves a receipt.',
  examples: [
    ['sallyport policy shadow set policies --for 7d', 'this folder’s policies, for a week'],
    ['sallyport policy shadow set 3f9a2c51d0e4 --reason "before we narrow triage"', 'a proposed set'],
    ['sallyport policy shadow differences', 'by agent, resource and argument, with examples'],
    ['sallyport policy shadow clear', 'end it now'],
  ],
  options: {
    for: { type: 'string', value: '<span>', about: 'How long it runs: 12h, 7d (the default), at most 90d.' },
    reason: { type: 'string', short: 'r', value: '<text>', about: 'Why; recorded.' },
  },
  async run(call) {
    const [verb, ...args] = call.args;
    const client = gatewayOf(call);
    if (typeof client === 'number') return client;
    if (verb === 'set') return set({ ...call, args }, client);
    if (args.length > 0) throw new UsageError(`${verb} takes nothing more`);
    if (verb === undefined) return show(call, client);
    if (verb === 'clear') return clear(call, client);
    if (verb === 'differences') return differences(call, client);
    throw new UsageError(`${verb} is none of set, clear and differences`);
  },
};

const DAY_SECONDS = 86_400;

async function set(call: Call, client: Client): Promise<ExitCode> {
  const span = call.options.text('for');
  const seconds = span === undefined ? 7 * DAY_SECONDS : Math.round(readSpan(span, '--for') / 1000);
  const subject = await policySubject(call);
  if (typeof subject === 'number') return subject;
  const reason = call.options.text('reason') ?? 'set from the command line';
  const answer = await client.call('policy.shadow.set', { body: { subject, seconds, reason } });
  if (answer.kind === 'failure') return report(call, answer);
  return tell(call, answer.value);
}

async function show(call: Call, client: Client): Promise<ExitCode> {
  const answer = await client.call('policy.shadow', {});
  return answer.kind === 'failure' ? report(call, answer) : tell(call, answer.value.shadow);
}

async function clear(call: Call, client: Client): Promise<ExitCode> {
  const answer = await client.call('policy.shadow.clear', {});
  return answer.kind === 'failure' ? report(call, answer) : tell(call, answer.value.shadow);
}

function tell({ terminal, json }: Call, found: Shadow | null): ExitCode {
  terminal.write(json ? `${visibleJson({ shadow: found }, 2)}\n` : `${fold(shadowText(found), terminal.columns)}\n`);
  return DONE;
}

function shadowText(found: Shadow | null): string {
  if (found === null) return 'No policy set runs beside the one that decides.';
  const { running, until, since, by, why } = found;
  const end = running ? `until ${dateTime(until)} UTC` : `and ended ${dateTime(until)} UTC`;
  return `Set ${found.set.slice(0, 12)} ${running ? 'runs' : 'ran'} beside since ${dateTime(since)} UTC, ${end}, by ${foreign(by)}: ${foreign(why)}`;
}

async function differences(call: Call, client: Client): Promise<ExitCode> {
  const answer = await client.call('policy.shadow.differences', {});
  if (answer.kind === 'failure') return report(call, answer);
  const { terminal, json } = call;
  terminal.write(json ? `${visibleJson(answer.value, 2)}\n` : differencesOf(answer.value, terminal));
  return DONE;
}

function differencesOf(found: Output<'policy.shadow.differences'>, terminal: Terminal): string {
  const { newly_denied, newly_permitted, newly_held, decisions } = found;
  const total = newly_denied.count + newly_permitted.count + newly_held.count;
  const counted = found.shadow === null ? '' : ` ${total} of ${decisions} decisions would have come out otherwise.`;
  return [
    `${fold(`${shadowText(found.shadow)}${counted}`, terminal.columns)}\n`,
    differencesText('Would deny', 'deny', newly_denied, terminal),
    differencesText('Would permit', 'permit', newly_permitted, terminal),
    differencesText('Would hold', 'hold', newly_held, terminal),
  ].join('');
}
