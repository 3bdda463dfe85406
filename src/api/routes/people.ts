import type { Session } from '../../controls/identity/index.ts';
import { isRefusal, type Refusal, refuse } from '../../core/refusal.ts';
import type { Me } from '../contract/index.ts';
import type { Call, Handlers } from '../handler.ts';
import type { ApiPorts } from '../ports.ts';

type PeopleOperation =
  | 'setup.redeem'
  | 'setup.link'
  | 'session.open'
  | 'session.close'
  | 'me'
  | 'me.enrol'
  | 'me.present'
  | 'people.list'
  | 'people.add'
  | 'people.change'
  | 'people.remove';

export function peopleHandlers({ identity: { people }, console_url }: ApiPorts): Pick<Handlers, PeopleOperation> {
  return {
    'setup.redeem': async ({ body }, call) =>
      signedIn(call, await people.redeemSetup({ ...body, source: call.source })),
    'setup.link': async (_, call) => {
      if ((await people.list()).length > 0) return refuse('already_exists', 'there is an account: people add people');
      return link(console_url(), await people.setupLink({ roles: ['administrator'], by: call.caller.by }));
    },
    'session.open': async ({ body }, call) => signedIn(call, await people.signIn({ ...body, source: call.source })),
    'session.close': async (_, call) => {
      if (call.caller.kind === 'person') await people.signOut(call.caller.cookie);
      call.cookie.clear();
      return { done: true };
    },
    me: (_, { caller }) => {
      if (caller.kind === 'person') return describe(caller.session);
      return {
        by: 'local',
        name: 'local operator',
        roles: [...rolesOf(caller)],
        authenticator: false,
        present_until: null,
      };
    },
    'me.enrol': async (_, { caller }) => {
      if (caller.kind !== 'person') return refuse('sign_in_required', 'an authenticator belongs to a person');
      const enrolment = await people.enrol(caller.cookie);
      return isRefusal(enrolment) ? enrolment : { uri: enrolment.uri.reveal(), secret: enrolment.secret.reveal() };
    },
    'me.present': async ({ body }, { caller }) => {
      if (caller.kind !== 'person') return refuse('sign_in_required', 'a code belongs to a person');
      const session = await people.present(caller.cookie, body.code);
      return isRefusal(session) ? session : describe(session);
    },
    'people.list': async () => ({
      people: (await people.list()).map((person) => ({ ...person, roles: [...person.roles] })),
    }),
    'people.add': async ({ body }, call) =>
      link(console_url(), await people.setupLink({ roles: body.roles, by: call.caller.by })),
    'people.change': async ({ params, body }, { caller }) =>
      (await people.changeRoles(params.person, body.roles, caller.by)) ?? { done: true },
    'people.remove': async ({ params }, { caller }) =>
      (await people.remove(params.person, caller.by)) ?? { done: true },
  };
}

type SignIn = Awaited<ReturnType<ApiPorts['identity']['people']['signIn']>>;
type SetupLink = Awaited<ReturnType<ApiPorts['identity']['people']['setupLink']>>;

function signedIn(call: Call, result: SignIn): Me | Refusal {
  if (isRefusal(result)) return result;
  call.cookie.set(result);
  return describe(result.session);
}

function describe({ person, authenticator, present_until }: Session): Me {
  return { by: `person:${person.id}`, name: person.name, roles: [...person.roles], authenticator, present_until };
}

function rolesOf(caller: Call['caller']): Me['roles'] {
  return caller.kind === 'nobody' ? [] : [...caller.roles];
}

function link(console_url: string, made: SetupLink): { link: string; expires_at: number } | Refusal {
  if (isRefusal(made)) return made;
  return { link: `${console_url}/setup#${made.secret.reveal()}`, expires_at: made.expires_at };
}
