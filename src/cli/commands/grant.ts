import type { Client } from '../../api/client/index.ts';
import type { Grant, Story } from '../../api/contract/index.ts';
import { isId } from '../../core/ids.ts';
import { visibleJson, visibleText } from '../../core/visible-text.ts';
import { type Call, type Command, DONE, type ExitCode, FAILED, UsageError } from '../command.ts';
import { gatewayOf, PRESENCE_OPTIONS, report, showPresence } from '../gateway.ts';
import { dateTime, fold, foreign, paint, table } from '../paint.ts';

type Asked = { actions: string[]; resource: { type: string; id: string }; when?: string };

export const grant: Command = {
  usage: '<agent>',
  arity: [1, 1],
  about:
    'Lets an agent do one thing for a while. It ends by itself, can be ended early, and lifts no prohibition: it is a permit beside the policy set. Needs an approver’s presence.',
  examples: [
    [
      'sallyport grant triage --action tool.call --resource github/create_issue --for 2h --reason "the release"',
      'one tool, for two hours',
    ],
    [
      `sallyport grant triage --action tool.call --resource files/write --when 'context.args.path like "reports/*"' --for 30m --reason "report"`,
      'under a condition, in Cedar',
    ],
    [
      'sallyport grant triage --like rcp_0123456789abcdefghijklmnop --for 1h --reason "asked by ops"',
      'what that refusal asked for, and no more',
    ],
  ],
  options: {
    action: { type: 'string', multiple: true, value: '<action>', about: 'Such as tool.call; may be given again.' },
    resource: {
      type: 'string',
      value: '<resource>',
      about: 'Such as github/create_issue, or with its type: \'Tool::"github/create_issue"\', \'Server::"github"\'.',
    },
    when: { type: 'string', value: '<condition>', about: 'A Cedar expression that has to be true.' },
    like: {
      type: 'string',
      value: '<receipt>',
      about: 'Of a refusal: the smallest grant that would have permitted it.',
    },
    for: { type: 'string', value: '<time>', about: 'How long: 45s, 30m, 2h or 1d. Required.' },
    reason: { type: 'string', short: 'r', value: '<text>', about: 'Why; recorded. Required.' },
    ...PRESENCE_OPTIONS,
  },
  async run(call) {
    const [agent = ''] = call.args;
    const for_seconds = secondsOf(call.options.text('for'));
    const reason = call.options.text('reason');
    if (reason === undefined) throw new UsageError('Give --reason <text>: it is recorded');
    const like = call.options.text('like');
    const typed = like === undefined ? typedBy(call) : undefined;
    const client = gatewayOf(call);
    if (typeof client === 'number') return client;
    const absent = await showPresence(call, client);
    if (absent !== undefined) return absent;
    const asked = typed ?? (await askedBy(call, client, agent, like ?? ''));
    if (typeof asked === 'number') return asked;
    const answer = await client.call('grants.give', { body: { agent, ...asked, for_seconds, reason } });
    if (answer.kind === 'failure') return report(call, answer);
    const { grant: given, warnings } = answer.value;
    if (call.json) call.terminal.write(`${visibleJson(answer.value, 2)}\n`);
    else {
      for (const warning of warnings) call.terminal.note(`${fold(visibleText(warning), call.terminal.columns)}\n`);
      call.terminal.write(
        `${foreign(agent)} may, until ${dateTime(given.expires_at)} UTC:\n${indented(given.text)}\nEnd it early: sallyport grant end ${given.id}\n`,
      );
    }
    return DONE;
  },
};

/** The wording of `when` is Cedar's; the gateway says where it is wrong. */
function typedBy({ options }: Call): Asked {
  const actions = [...options.texts('action')];
  const resource = options.text('resource');
  if (actions.length === 0) throw new UsageError('Give --action <action>, such as tool.call, or --like <receipt>');
  if (resource === undefined) throw new UsageError('Give --resource <resource>, such as github/create_issue');
  const when = options.text('when');
  return { actions, resource: resourceOf(resource, actions[0] ?? ''), ...(when === undefined ? {} : { when }) };
}

const TYPES: Readonly<Record<string, string>> = {
  'tool.call': 'Tool',
  'prompt.get': 'Prompt',
  'resource.read': 'Resource',
  'resource.subscribe': 'Resource',
};

function resourceOf(text: string, action: string): { type: string; id: string } {
  const [, type, quoted] = /^([A-Za-z]+)::(.+)$/s.exec(text) ?? [];
  if (type === undefined || quoted === undefined) return { type: TYPES[action] ?? 'Server', id: text };
  return { type, id: quoted.replace(/^"(.*)"$/s, '$1') };
}

/** What a refusal asked for, as far as a permit would have let it through. */
async function askedBy(call: Call, client: Client, agent: string, receipt: string): Promise<Asked | ExitCode> {
  if (!isId('rcp', receipt)) throw new UsageError('--like takes a receipt: rcp_ and 26 letters and digits');
  const answer = await client.call('exchanges.story', { params: { receipt } });
  if (answer.kind === 'failure') return report(call, answer);
  const asked = remedied(answer.value, agent);
  if (typeof asked !== 'string') return asked;
  if (call.json) call.terminal.write(`${JSON.stringify({ problem: { message: asked } })}\n`);
  else call.terminal.note(`${fold(visibleText(asked), call.terminal.columns)}\n`);
  return FAILED;
}

/** @returns a sentence where no grant would have helped. */
function remedied({ exchange, explanation }: Story, agent: string): Asked | string {
  if (exchange.agent !== agent) return `That was asked by ${exchange.agent}, not by ${agent}.`;
  const remedy = explanation?.remedy;
  if (remedy?.kind === 'elsewhere') return remedy.sentence;
  const [access, another] = remedy?.kind === 'policy' ? remedy.accesses : [];
  if (remedy?.kind !== 'policy' || access === undefined) return 'No grant would have changed that decision.';
  const forbidding = explanation?.accesses.flatMap(({ policies }) => policies) ?? [];
  const forbid = forbidding.find(({ determining, effect }) => determining && effect === 'forbid');
  if (forbid !== undefined) {
    return `The prohibition ${forbid.id} refused it, and a grant lifts no prohibition. See: sallyport why ${exchange.receipt}`;
  }
  if (another !== undefined) return 'It asked for several things at once: give each with --action and --resource.';
  const condition =
    remedy.edits.length === 1 ? /\bwhen\s*\{([\s\S]*)\}\s*;?\s*$/.exec(remedy.edits[0]?.after ?? '') : null;
  const when = remedy.edits[0]?.before === null ? condition?.[1]?.trim() : undefined;
  return {
    actions: [access.action],
    resource: resourceOf(access.resource, access.action),
    ...(when === undefined ? {} : { when }),
  };
}

const UNITS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3_600, d: 86_400 };

function secondsOf(text: string | undefined): number {
  const [, count, unit] = /^([1-9]\d{0,6})([smhd])$/.exec(text ?? '') ?? [];
  if (count === undefined)
    throw new UsageError('Give --for <time>, such as 45s, 30m, 2h or 1d: nothing is given for ever');
  return Number(count) * (UNITS[unit ?? ''] ?? 1);
}

export const list: Command = {
  usage: '',
  arity: [0, 0],
  about:
    'Lists temporary privilege that stands open, the soonest end first: for whom, what, until when, by whom and why.',
  examples: [
    ['sallyport grant list', 'what stands open'],
    ['sallyport grant list --ended', 'and what has ended'],
  ],
  options: { ended: { type: 'boolean', about: 'Also those that ended.' } },
  async run(call) {
    const client = gatewayOf(call);
    if (typeof client === 'number') return client;
    const answer = await client.call('grants.list', {
      query: { ended: call.options.flag('ended') ? 'true' : 'false' },
    });
    if (answer.kind === 'failure') return report(call, answer);
    const { grants } = answer.value;
    const rows = grants.map((one) => [one.id, one.agent, whatOf(one), endOf(one), one.given_by, one.reason]);
    if (call.json) call.terminal.write(`${visibleJson(answer.value, 2)}\n`);
    else if (rows.length === 0) call.terminal.write('No temporary privilege stands open.\n');
    else {
      const head = ['grant', 'agent', 'may', 'until (UTC)', 'given by', 'reason'];
      call.terminal.write(table([head, ...rows], call.terminal));
      call.terminal.write(paint(call.terminal, 'dim', 'End one: sallyport grant end <grant>\n'));
    }
    return DONE;
  },
};

function whatOf({ actions, resource, when }: Grant): string {
  return `${actions.join(', ')} ${resource.type}::"${resource.id}"${when === null ? '' : ` when ${when}`}`;
}

function endOf({ open, expires_at, ended_at, end_reason }: Grant): string {
  return open ? dateTime(expires_at) : `ended ${dateTime(ended_at ?? expires_at)}: ${end_reason ?? ''}`;
}

export const end: Command = {
  usage: '<grant>',
  arity: [1, 1],
  about: 'Ends temporary privilege early. What is in flight and rests on it is cut.',
  examples: [['sallyport grant end prv_0123456789abcdefghijklmnop --reason "done"', 'it permits nothing from here on']],
  options: { reason: { type: 'string', short: 'r', value: '<text>', about: 'Why; recorded.' } },
  async run(call) {
    const [id = ''] = call.args;
    if (!isId('prv', id))
      throw new UsageError('A grant looks like prv_ and 26 letters and digits; sallyport grant list');
    const client = gatewayOf(call);
    if (typeof client === 'number') return client;
    const reason = call.options.text('reason') ?? 'ended from the command line';
    const answer = await client.call('grants.end', { params: { grant: id }, body: { reason } });
    if (answer.kind === 'failure') return report(call, answer);
    if (call.json) call.terminal.write(`${visibleJson(answer.value, 2)}\n`);
    else call.terminal.write(`Ended: ${foreign(answer.value.agent)} may ${foreign(whatOf(answer.value))} no more.\n`);
    return DONE;
  },
};

function indented(text: string): string {
  return text
    .replace(/^/gm, '  ')
    .split('\n')
    .map((line) => visibleText(line))
    .join('\n');
}
