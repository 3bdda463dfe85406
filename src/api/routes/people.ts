import type { Session } from '../../controls/identity/index.ts';
import type { Role } from '../../core/person.ts';
import { isRefusal, type Refusal, refuse } from '../../core/refusal.ts';
import type { Secret } from '../../core/secret.ts';
import type { Me, Operation, Output } from '../contract/index.ts';
import type { Call, Handlers } from '../handler.ts';
import type { ApiPorts } from '../ports.ts';

type PeopleOperation = Extract<Operation, 'me' | `${'me' | 'people' | 'session' | 'setup'}.${string}`>;

/** Whoever comes first is alone: there is nobody else to decide what waits. */
const FIRST_ROLES: readonly Role[] = ['admin', 'approver'];

export function peopleHandlers(ports: ApiPorts): Pick<Handlers, PeopleOperation> {
  return { ...accountHandlers(ports), ...companyHandlers(ports), ...passkeyHandlers(ports) };
}

type AccountOperation = Exclude<PeopleOperation, CompanyOperation | PasskeyOperation>;

function accountHandlers({ identity: { people }, console_url }: ApiPorts): Pick<Handlers, AccountOperation> {
  return {
    'session.options': () => ({
      company: people.companyName ?? null,
      passkeys_at: people.passkeys.origin() ?? null,
    }),
    'setup.redeem': async ({ body }, call) =>
      signedIn(call, await people.redeemSetup({ ...body, source: call.source })),
    'setup.link': async (_, call) => {
      if ((await people.list()).length > 0) return refuse('already_exists', 'there is an account: people add people');
      const by = call.caller.by;
      const made = await people.setupLink({ roles: FIRST_ROLES, by });
      // Where the two are kept apart, whoever comes first is the one who can add the other.
      const separated = isRefusal(made) && made.code === 'roles_separated';
      return link(console_url(), separated ? await people.setupLink({ roles: ['admin'], by }) : made);
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
        passkeys: 0,
        company: false,
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

type CompanyOperation = Extract<PeopleOperation, `${string}.company${string}`>;

function companyHandlers({ identity: { people } }: ApiPorts): Pick<Handlers, CompanyOperation> {
  const { company } = people;
  return {
    'session.company': async (_, call) => away(call, await company.begin(call.source)),
    'session.company.return': async ({ body }, call) => {
      const flow = call.flow.read();
      call.flow.clear();
      return signedIn(call, await company.complete({ query: body.query, flow, source: call.source }));
    },
    'me.present.company': async (_, call) => {
      if (call.caller.kind !== 'person') return refuse('sign_in_required', 'presence belongs to a person');
      return away(call, await company.beginPresence(call.caller.cookie));
    },
    'me.present.company.return': async ({ body }, call) => {
      if (call.caller.kind !== 'person') return refuse('sign_in_required', 'presence belongs to a person');
      const flow = call.flow.read();
      call.flow.clear();
      return described(await company.completePresence(call.caller.cookie, { query: body.query, flow }));
    },
  };
}

type PasskeyOperation = Extract<PeopleOperation, `${string}.passkey${string}`>;

function passkeyHandlers({ identity: { people } }: ApiPorts): Pick<Handlers, PasskeyOperation> {
  const { passkeys } = people;
  const taken = (call: Call): string | undefined => {
    const flow = call.flow.read();
    call.flow.clear();
    return flow;
  };
  const ofPerson = <T>(call: Call, work: (cookie: string) => Promise<T>): Promise<T> | Refusal =>
    call.caller.kind === 'person' ? work(call.caller.cookie) : refuse('sign_in_required', 'passkeys are a person’s');
  return {
    'session.passkey': async (_, call) => asking(call, await passkeys.beginSignIn(call.source)),
    'session.passkey.answer': async ({ body }, call) =>
      signedIn(call, await passkeys.signIn({ ...body, flow: taken(call), source: call.source })),
    'me.present.passkey': async (_, call) => asking(call, await ofPerson(call, passkeys.beginPresence)),
    'me.present.passkey.answer': async ({ body }, call) =>
      described(await ofPerson(call, (cookie) => passkeys.present(cookie, { ...body, flow: taken(call) }))),
    'me.passkeys': async (_, call) => {
      const held = await ofPerson(call, passkeys.list);
      return isRefusal(held) ? held : { passkeys: [...held] };
    },
    'me.passkeys.begin': async (_, call) => asking(call, await ofPerson(call, passkeys.beginAdd)),
    'me.passkeys.add': async ({ body }, call) =>
      described(await ofPerson(call, (cookie) => passkeys.add(cookie, { ...body, flow: taken(call) }))),
    'me.passkeys.remove': async ({ params }, call) =>
      described(await ofPerson(call, (cookie) => passkeys.remove(cookie, params.passkey))),
  };
}

function away(call: Call, begun: { url: string; flow: Secret } | Refusal): { url: string } | Refusal {
  if (isRefusal(begun)) return begun;
  call.flow.set(begun.flow);
  return { url: begun.url };
}

type Question = Output<'session.passkey'>;

function asking(call: Call, begun: { question: object; flow: Secret } | Refusal): Question | Refusal {
  if (isRefusal(begun)) return begun;
  call.flow.set(begun.flow);
  return { question: begun.question as Question['question'] };
}

function described(session: Session | Refusal): Me | Refusal {
  return isRefusal(session) ? session : describe(session);
}

type SignIn = Awaited<ReturnType<ApiPorts['identity']['people']['signIn']>>;
type SetupLink = Awaited<ReturnType<ApiPorts['identity']['people']['setupLink']>>;

function signedIn(call: Call, result: SignIn): Me | Refusal {
  if (isRefusal(result)) return result;
  call.cookie.set(result);
  return describe(result.session);
}

function describe({ person, ...session }: Session): Me {
  const { authenticator, passkeys, company, present_until } = session;
  const by = `person:${person.id}`;
  return { by, name: person.name, roles: [...person.roles], authenticator, passkeys, company, present_until };
}

function rolesOf(caller: Call['caller']): Me['roles'] {
  return caller.kind === 'nobody' ? [] : [...caller.roles];
}

function link(console_url: string, made: SetupLink): { link: string; expires_at: number } | Refusal {
  if (isRefusal(made)) return made;
  return { link: `${console_url}/setup#${made.secret.reveal()}`, expires_at: made.expires_at };
}
