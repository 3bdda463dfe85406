import type { Status } from '../../api/contract/index.ts';
import { visibleJson, visibleText } from '../../core/visible-text.ts';
import { type Command, DONE } from '../command.ts';
import { gatewayOf, report } from '../gateway.ts';
import { dateTime, facts, fold, foreign, paint, table } from '../paint.ts';
import type { Terminal } from '../terminal.ts';

export const status: Command = {
  usage: '',
  arity: [0, 0],
  about:
    'Shows whether the gateway enforces or observes, what waits for a person, and what is wrong; then each upstream, and whether an agent could reach it around the gateway.',
  examples: [
    ['sallyport status', 'everything on one screen'],
    ['sallyport status --json | jq .wrong', 'for a monitor: empty when nothing is wrong'],
  ],
  async run(call) {
    const client = gatewayOf(call);
    if (typeof client === 'number') return client;
    const answer = await client.call('status', {});
    if (answer.kind === 'failure') return report(call, answer);
    call.terminal.write(call.json ? `${visibleJson(answer.value, 2)}\n` : statusText(answer.value, call.terminal));
    return DONE;
  },
};

/** The three questions first: enforcing or observing, what waits, what is wrong. */
export function statusText(now: Status, terminal: Terminal): string {
  const mode =
    now.mode === 'enforcing' ? paint(terminal, 'green', '✓ enforcing') : paint(terminal, 'yellow', '… observing');
  const until = now.observing_until === null ? '' : ` until ${dateTime(now.observing_until)} UTC`;
  const parts = [
    `${mode}${until}, ${now.in_flight} in flight, ${now.stops} ${now.stops === 1 ? 'stop' : 'stops'}\n`,
    ...now.wrong.map(
      (fault) =>
        `${paint(terminal, 'red', '✗')} ${fold(`${visibleText(fault.what)} ${visibleText(fault.remedy)}`, terminal.columns, '  ').trimStart()}\n`,
    ),
    ...now.waiting.map(
      (item) => `${paint(terminal, 'yellow', '…')} ${visibleText(item.what)}\n  ${visibleText(item.command)}\n`,
    ),
    '\n',
    facts(
      [
        ['agents', now.addresses.agents],
        ['people', now.addresses.people],
        ['policy', `${now.policy.policies} policies, set ${now.policy.set.slice(0, 12)}`],
        ['log', `${now.log.state}, ${now.log.size} entries, ${visibleText(now.log.origin)}, ${witnesses(now)}`],
        ['storage', visibleText(now.storage)],
        ['since', `${dateTime(now.started_at)} UTC, build ${visibleText(now.build)}, replica ${now.replica.id}`],
      ],
      terminal,
    ),
    '\n',
    upstreamTable(now, terminal),
  ];
  return parts.join('');
}

function witnesses({ log }: Status): string {
  return log.witnesses.length === 0 ? 'no witness: the log vouches for itself' : `${log.witnesses.length} witnesses`;
}

function upstreamTable({ upstreams }: Status, terminal: Terminal): string {
  if (upstreams.length === 0) return 'No upstream yet: add one under upstreams in sallyport.yaml.\n';
  const rows = upstreams.map(({ server, state, exposure, eras, restarts, last_error }) => [
    server,
    state,
    exposure,
    eras.join(' ') || '-',
    String(restarts),
    last_error ?? '',
  ]);
  const ways = upstreams
    .filter(({ exposure }) => exposure === 'bypassable')
    .map(({ server, exposure_note }) => `${foreign(server)}: ${visibleText(exposure_note)}`);
  const closing =
    ways.length === 0 ? '' : `\nTo enclose:\n${ways.map((way) => fold(way, terminal.columns, '  ')).join('\n')}\n`;
  return table([['upstream', 'state', 'exposure', 'eras', 'restarts', 'last error'], ...rows], terminal) + closing;
}
