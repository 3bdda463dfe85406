import { setTimeout as wait } from 'node:timers/promises';
import type { Client, Failure } from '../../api/client/index.ts';
import { DECISIONS, type Exchange, type Filters, filters, type LiveEvent } from '../../api/contract/index.ts';
import { visibleJson } from '../../core/visible-text.ts';
import { type Call, type Command, DONE, type ExitCode, UsageError } from '../command.ts';
import { gatewayOf, report } from '../gateway.ts';
import { clockTime, decisionMark, duration, foreign, paint } from '../paint.ts';
import type { Terminal } from '../terminal.ts';

export const tail: Command = {
  usage: '',
  arity: [0, 0],
  about:
    'Prints exchanges as they happen: decision, who in which job, what, and how long. Each line begins with the time and ends with the receipt, for `sallyport why`.',
  examples: [
    ['sallyport tail', 'everything, until Ctrl-C'],
    ['sallyport tail --decision deny --agent triage', 'what is refused to one agent'],
    ['sallyport tail --past 20 --no-follow --json', 'the last twenty as JSON lines'],
  ],
  options: {
    agent: { type: 'string', value: '<id>', about: 'Only this agent.' },
    job: { type: 'string', value: '<job>', about: 'Only this job.' },
    run: { type: 'string', value: '<id>', about: 'Only this run.' },
    action: { type: 'string', value: '<action>', about: 'Only this action, such as tool.call.' },
    upstream: { type: 'string', value: '<name>', about: 'Only this upstream.' },
    resource: { type: 'string', value: '<text>', about: 'Only where the resource’s name contains this.' },
    decision: { type: 'string', value: '<word>', about: 'permit, hold or deny.' },
    state: { type: 'string', value: '<word>', about: 'What became of it: completed, failed, refused, cut …' },
    past: { type: 'string', value: '<count>', about: 'Begin with this many earlier ones (default 10, at most 500).' },
    'no-follow': { type: 'boolean', about: 'End after the earlier ones.' },
  },
  async run(call) {
    const wanted = filtersOf(call);
    const past = countOf(call.options.text('past') ?? '10');
    const client = gatewayOf(call);
    if (typeof client === 'number') return client;
    if (past > 0) {
      const answer = await client.call('exchanges.list', { query: { ...wanted, limit: past } });
      if (answer.kind === 'failure') return report(call, answer);
      for (const exchange of [...answer.value.exchanges].reverse()) printEvent({ type: 'exchange', exchange }, call);
    }
    return call.options.flag('no-follow') ? DONE : follow(client, wanted, call);
  },
};

const FILTERS = ['agent', 'job', 'run', 'action', 'upstream', 'resource', 'decision', 'state'] as const;

function filtersOf({ options }: Call): Filters {
  const given = Object.fromEntries(
    FILTERS.flatMap((name) => (options.text(name) === undefined ? [] : [[name, options.text(name)]])),
  );
  const parsed = filters.safeParse(given);
  if (parsed.success) return parsed.data;
  const name = String(parsed.error.issues[0]?.path[0] ?? '');
  throw new UsageError(
    name === 'decision' ? `--decision is one of ${DECISIONS.join(', ')}` : `--${name} cannot be that`,
  );
}

function countOf(text: string): number {
  const count = Number(text);
  if (Number.isInteger(count) && count >= 0 && count <= 500) return count;
  throw new UsageError('--past is a number from 0 to 500');
}

const RETRY_MS = 1_000;

/** Follows the live stream, and takes it up again where it broke: nothing is missed and nothing is told twice. */
async function follow(client: Client, query: Filters, call: Call): Promise<ExitCode> {
  let last: string | undefined;
  let lost: Failure | undefined;
  while (!call.signal.aborted) {
    const resume = last === undefined ? {} : { last_event_id: last };
    for await (const item of client.stream('exchanges.live', { query }, { signal: call.signal, ...resume })) {
      if (item.kind === 'failure') {
        if (call.signal.aborted) return DONE;
        if (last === undefined && lost === undefined && item.status === 0) return report(call, item);
        if (item.status !== 0) return report(call, item);
        if (lost === undefined) call.terminal.note('The gateway went away; waiting for it. Ctrl-C ends.\n');
        lost = item;
      } else if (item.kind === 'open') {
        if (lost !== undefined) call.terminal.note('It is back.\n');
        lost = undefined;
        last ??= '';
      } else {
        last = item.id ?? last;
        printEvent(item.value, call);
      }
    }
    if (!call.signal.aborted) await wait(RETRY_MS, undefined, { signal: call.signal }).catch(() => undefined);
  }
  return DONE;
}

function printEvent(event: LiveEvent, { terminal, json }: Call): void {
  if (json) terminal.write(`${visibleJson(event)}\n`);
  else if (event.type === 'exchange') terminal.write(`${exchangeLine(event.exchange, terminal)}\n`);
  else if (event.type === 'control') {
    const subject = event.subject === null ? '' : ` ${foreign(event.subject, 60)}`;
    terminal.write(
      `${clockTime(event.time)} ${paint(terminal, 'cyan', '• control')} ${foreign(event.event)}${subject} by ${foreign(event.by, 60)} ${event.receipt}\n`,
    );
  } else if (event.type === 'flood') {
    terminal.write(
      `${clockTime(event.time)} ${paint(terminal, 'red', '✗ refused')} ${event.count} times before identity: ${foreign(event.code)}\n`,
    );
  }
}

const RECEIPT_COLUMNS = 31;
const WIDE_COLUMNS = 130;

/**
 * `12:04:31 ✗ deny   triage/issues tool.call Tool::"files/write_file" policy_denied 0.4 ms rcp_…`; on a narrow terminal in
 * two lines, the second of which holds the receipt.
 */
export function exchangeLine(exchange: Exchange, terminal: Terminal): string {
  const { mark, colour, word } = decisionMark(exchange);
  const columns = terminal.columns ?? Number.POSITIVE_INFINITY;
  const who = foreign(`${exchange.agent}/${exchange.job}`, 40);
  const action = foreign(exchange.action, 30);
  const end = endOf(exchange);
  const taken =
    14 +
    Math.max(6, word.length) +
    who.length +
    action.length +
    (columns < WIDE_COLUMNS ? 0 : end.length + RECEIPT_COLUMNS);
  const what = foreign(exchange.resource ?? exchange.operation, Math.min(200, Math.max(16, columns - taken)));
  const head = `${clockTime(exchange.time)} ${paint(terminal, colour, `${mark} ${word.padEnd(6)}`)}`;
  const tail = `${end}${paint(terminal, 'dim', exchange.receipt)}`;
  return `${head} ${who} ${action} ${what}${columns < WIDE_COLUMNS ? `\n         ${tail}` : ` ${tail}`}`;
}

function endOf({ more, code, duration_us }: Exchange): string {
  const parts = [more === 0 ? '' : `and ${more} more`, code ?? '', duration_us === null ? '' : duration(duration_us)];
  return parts.map((part) => (part === '' ? '' : `${part} `)).join('');
}
