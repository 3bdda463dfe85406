import { visibleJson } from '../../core/visible-text.ts';
import { type Command, DONE, UsageError } from '../command.ts';
import { gatewayOf, report, SIGN_IN_OPTIONS, signIn } from '../gateway.ts';
import { dateTime, foreign } from '../paint.ts';
import { minutesOf } from './run.ts';

export const delegate: Command = {
  usage: '<agent>',
  arity: [1, 1],
  about:
    'Lets an agent act in your name, as narrow and as short as you say. Prints a grant that is good in that agent’s hands alone: it trades it, beside a token of its own, for one that names you. Asks for your name and password.',
  examples: [
    [
      "sallyport delegate triage --as ada --resource 'Tool::github/*' --minutes 30",
      'the tools of one server, for half an hour',
    ],
    ['sallyport delegate triage --action tool.call --budget calls=20', 'twenty calls'],
  ],
  options: {
    ...SIGN_IN_OPTIONS,
    action: {
      type: 'string',
      multiple: true,
      value: '<action>',
      about: 'Such as tool.call or tool.*; may be given again.',
    },
    resource: {
      type: 'string',
      multiple: true,
      value: '<resource>',
      about: 'Such as Tool::github/create_issue or Tool::github/*; may be given again.',
    },
    budget: { type: 'string', multiple: true, value: '<name=count>', about: 'An upper bound; may be given again.' },
    minutes: { type: 'string', value: '<count>', about: 'When it ends by itself (default 60, at most 1440).' },
  },
  async run(call) {
    const [agent = ''] = call.args;
    const actions = call.options.texts('action');
    const resources = call.options.texts('resource');
    const budgets = budgetsOf(call.options.texts('budget'));
    const minutes = minutesOf(call.options.text('minutes'));
    const client = gatewayOf(call);
    if (typeof client === 'number') return client;
    const stranger = await signIn(call, client);
    if (stranger !== undefined) return stranger;
    const answer = await client.call('delegations.lend', {
      body: {
        agent,
        budgets,
        ...(actions.length === 0 ? {} : { actions: [...actions] }),
        ...(resources.length === 0 ? {} : { resources: [...resources] }),
        ...(minutes === undefined ? {} : { minutes }),
      },
    });
    if (answer.kind === 'failure') return report(call, answer);
    const { delegation, grant } = answer.value;
    if (call.json) call.terminal.write(`${visibleJson(answer.value, 2)}\n`);
    else {
      call.terminal.note(
        `${foreign(agent)} may act in your name until ${dateTime(delegation.expires_at)} UTC. Stop it: sallyport kill delegation ${delegation.id}\n`,
      );
      call.terminal.write(`${grant}\n`);
    }
    return DONE;
  },
};

function budgetsOf(texts: readonly string[]): Record<string, number> {
  const entries = texts.map((text): [string, number] => {
    const [, name, count] = /^([a-z][a-z0-9_]*)=(\d{1,15})$/.exec(text) ?? [];
    if (name === undefined) throw new UsageError('--budget is <name>=<count>, such as calls=20');
    return [name, Number(count)];
  });
  return Object.fromEntries(entries);
}
