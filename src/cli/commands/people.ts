import type { Input } from '../../api/contract/index.ts';
import { ROLES } from '../../core/person.ts';
import { visibleJson } from '../../core/visible-text.ts';
import { type Call, type Command, DONE, type ExitCode, UsageError } from '../command.ts';
import { gatewayOf, PRESENCE_OPTIONS, report, showPresence } from '../gateway.ts';
import { clockTime, dateTime, foreign, table } from '../paint.ts';

type Roles = Input<'people.add'>['body']['roles'];

const ROLE_OPTION = {
  type: 'string',
  multiple: true,
  value: '<role>',
  about: `One of ${ROLES.join(', ')}; may be given again. Required.`,
} as const;

export const list: Command = {
  usage: '',
  arity: [0, 0],
  about:
    'Lists the people who look after the gateway: their roles, how they sign in, and what they show presence with.',
  examples: [['sallyport people list', 'all of them']],
  async run(call) {
    const client = gatewayOf(call);
    if (typeof client === 'number') return client;
    const answer = await client.call('people.list', {});
    if (answer.kind === 'failure') return report(call, answer);
    const { people } = answer.value;
    if (call.json) call.terminal.write(`${visibleJson(answer.value, 2)}\n`);
    else if (people.length === 0) call.terminal.write('Nobody yet. Make the first account: sallyport account\n');
    else {
      const rows = people.map(({ id, name, roles, company, authenticator, passkeys, added_at }) => [
        id,
        name,
        roles.join(' ') || 'none',
        company ? 'company' : 'account',
        [...(authenticator ? ['authenticator'] : []), ...(passkeys > 0 ? [`passkey x${passkeys}`] : [])].join(' '),
        dateTime(added_at),
      ]);
      const head = ['person', 'name', 'roles', 'signs in by', 'presence', 'added (UTC)'];
      call.terminal.write(table([head, ...rows], call.terminal));
    }
    return DONE;
  },
};

export const add: Command = {
  usage: '',
  arity: [0, 0],
  about:
    'Prints a link that makes one more account with these roles. It opens once, for ten minutes. Needs presence: a code of an authenticator.',
  examples: [['sallyport people add --role approver --as ada', 'asks for password and code']],
  options: { role: ROLE_OPTION, ...PRESENCE_OPTIONS },
  async run(call) {
    const given = rolesOf(call);
    return present(call, async (client) => {
      const answer = await client.call('people.add', { body: { roles: given } });
      if (answer.kind === 'failure') return report(call, answer);
      call.terminal.note(`Opens once, until ${clockTime(answer.value.expires_at)}:\n`);
      call.terminal.write(call.json ? `${visibleJson(answer.value)}\n` : `${answer.value.link}\n`);
      return DONE;
    });
  },
};

export const roles: Command = {
  usage: '<person>',
  arity: [1, 1],
  about:
    "Changes a person's roles, by the id that `people list` prints; their sessions end. Needs presence. Roles of people of the company are those of their groups.",
  examples: [['sallyport people roles usr_17 --role auditor --as ada', 'an auditor, and nothing else']],
  options: { role: ROLE_OPTION, ...PRESENCE_OPTIONS },
  async run(call) {
    const person = call.args[0]!;
    const given = rolesOf(call);
    return present(call, async (client) => {
      const answer = await client.call('people.change', { params: { person }, body: { roles: given } });
      if (answer.kind === 'failure') return report(call, answer);
      call.terminal.write(
        call.json ? `${visibleJson(answer.value)}\n` : `${foreign(person)} is now ${given.join(' and ')}.\n`,
      );
      return DONE;
    });
  },
};

export const remove: Command = {
  usage: '<person>',
  arity: [1, 1],
  about: 'Removes a person, by the id that `people list` prints; their sessions end at once. Needs presence.',
  examples: [['sallyport people remove usr_17 --as ada', 'asks for password and code']],
  options: PRESENCE_OPTIONS,
  run: (call) =>
    present(call, async (client) => {
      const person = call.args[0]!;
      const answer = await client.call('people.remove', { params: { person } });
      if (answer.kind === 'failure') return report(call, answer);
      call.terminal.write(call.json ? `${visibleJson(answer.value)}\n` : `Removed ${foreign(person)}.\n`);
      return DONE;
    }),
};

type Client = Exclude<ReturnType<typeof gatewayOf>, number>;

async function present(call: Call, work: (client: Client) => Promise<ExitCode>): Promise<ExitCode> {
  const client = gatewayOf(call);
  if (typeof client === 'number') return client;
  return (await showPresence(call, client)) ?? work(client);
}

function rolesOf(call: Call): Roles {
  const given = call.options.texts('role');
  const known = given.flatMap((text) => ROLES.find((role) => role === text) ?? []);
  if (known.length === 0 || known.length !== given.length) {
    throw new UsageError(`--role is one of ${ROLES.join(', ')}, once or more`);
  }
  return known;
}
