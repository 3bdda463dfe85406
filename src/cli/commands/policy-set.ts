import type { Output, Proposal } from '../../api/contract/index.ts';
import { visibleJson, visibleText } from '../../core/visible-text.ts';
import { type Command, DONE } from '../command.ts';
import { gatewayOf, PRESENCE_OPTIONS, report, showPresence } from '../gateway.ts';
import { dateTime, fold, foreign, paint, table } from '../paint.ts';
import type { Terminal } from '../terminal.ts';

type PolicyState = Output<'policy'>;

export const list: Command = {
  usage: '',
  arity: [0, 0],
  about:
    'Lists the policies of the active set with the reason that each states, then the sets that wait for somebody to activate them.',
  examples: [['sallyport policy list', 'what is in force, and what waits']],
  async run(call) {
    const client = gatewayOf(call);
    if (typeof client === 'number') return client;
    const answer = await client.call('policy', {});
    if (answer.kind === 'failure') return report(call, answer);
    call.terminal.write(call.json ? `${visibleJson(answer.value, 2)}\n` : stateText(answer.value, call.terminal));
    return DONE;
  },
};

function stateText({ active, policies, problems, proposals, evaluator }: PolicyState, terminal: Terminal): string {
  const head = `${fold(`Active set ${active.set.slice(0, 12)}, since ${dateTime(active.activated_at)} UTC by ${visibleText(active.activated_by)}: ${visibleText(active.why)}`, terminal.columns)}\n`;
  const slow =
    evaluator === 'compiled'
      ? ''
      : 'cedar-wasm decides, since the compiled form disagreed with it; see: sallyport status\n';
  const rows = policies.map(({ id, effect, file, line, reason }) => [id, effect, `${file}:${line}`, reason]);
  const body =
    rows.length === 0
      ? 'No policy: nothing is permitted.\n'
      : table([['policy', 'effect', 'where', 'reason'], ...rows], terminal);
  const faults = problems.map((problem) => {
    const place = `${visibleText(problem.file)}:${problem.line}:${problem.column}`;
    return `${paint(terminal, problem.severity === 'error' ? 'red' : 'yellow', `✗ ${problem.severity}`)} ${place} ${visibleText(problem.message)}\n`;
  });
  return [head, slow, '\n', body, ...faults, ...proposals.map((proposal) => proposalText(proposal, terminal))].join('');
}

function proposalText({ set, proposed_at, added, removed, widens }: Proposal, terminal: Terminal): string {
  const lines = [
    `\n${paint(terminal, 'yellow', `… waits: set ${set.slice(0, 12)}`)}, proposed ${dateTime(proposed_at)} UTC`,
    ...added.map((id) => `  + ${foreign(id)}`),
    ...removed.map((id) => `  - ${foreign(id)}`),
    ...widens.map((why) => fold(visibleText(why), terminal.columns, '  ')),
    `  Activate it: sallyport policy activate ${set.slice(0, 12)} --reason <why>`,
  ];
  return `${lines.join('\n')}\n`;
}

export const activate: Command = {
  usage: '<set>',
  arity: [1, 1],
  about:
    'Makes a proposed policy set effective on every replica, by its digest or the first eight characters or more. Needs presence: whoever can edit a file is not thereby entitled to widen what agents may do.',
  examples: [
    ['sallyport policy activate 3f9a2c51d0e4 --reason "reviewed with ops" --as ada', 'asks for password and code'],
  ],
  options: { reason: { type: 'string', short: 'r', value: '<text>', about: 'Why; recorded.' }, ...PRESENCE_OPTIONS },
  async run(call) {
    const [set = ''] = call.args;
    const client = gatewayOf(call);
    if (typeof client === 'number') return client;
    const absent = await showPresence(call, client);
    if (absent !== undefined) return absent;
    const reason = call.options.text('reason') ?? 'activated from the command line';
    const answer = await client.call('policy.activate', { body: { set, reason } });
    if (answer.kind === 'failure') return report(call, answer);
    call.terminal.write(
      call.json ? `${visibleJson(answer.value, 2)}\n` : `Active: set ${answer.value.set.slice(0, 12)}.\n`,
    );
    return DONE;
  },
};
