import { type Person, POWERS, type Role } from '../../core/person.ts';
import { isRefusal, type Refusal, refuse } from '../../core/refusal.ts';
import type { ConsentQuestion } from '../contract/index.ts';
import type { Call, Handlers } from '../handler.ts';
import type { ApiPorts } from '../ports.ts';

type ClientGrantOperation =
  | 'client_grants.ask'
  | 'client_grants.answer'
  | 'client_grants.device'
  | 'client_grants.answer_device'
  | 'client_grants.list'
  | 'client_grants.end';

/** A consent is a person's own: whoever holds the control socket is nobody in particular. */
export function clientGrantHandlers({ identity: { consents } }: ApiPorts): Pick<Handlers, ClientGrantOperation> {
  return {
    'client_grants.ask': async ({ params }, call) => {
      const person = personOf(call);
      return isRefusal(person) ? person : shown(await consents.ask(params.request, person));
    },
    'client_grants.answer': async ({ params, body }, call) => {
      const person = personOf(call);
      return isRefusal(person) ? person : consents.answer(params.request, body.verdict, person);
    },
    'client_grants.device': async ({ params }, call) => {
      const person = personOf(call);
      return isRefusal(person) ? person : shown(await consents.askDevice(params.user_code, person));
    },
    'client_grants.answer_device': async ({ params, body }, call) => {
      const person = personOf(call);
      if (isRefusal(person)) return person;
      return (await consents.answerDevice(params.user_code, body.verdict, person)) ?? { done: true };
    },
    'client_grants.list': async (_, call) => {
      const own = may(call, POWERS.review) ? undefined : personOf(call);
      if (isRefusal(own)) return own;
      return { grants: [...(await consents.list(own?.id))] };
    },
    'client_grants.end': async ({ params }, call) => {
      const own = may(call, POWERS.administer) ? undefined : personOf(call);
      if (isRefusal(own)) return own;
      return (await consents.end(params.grant, call.caller.by, own?.id)) ?? { done: true };
    },
  };
}

function personOf({ caller }: Call): Person | Refusal {
  if (caller.kind === 'person') return caller.session.person;
  return refuse('sign_in_required', 'consent is given by a person who is signed in');
}

function may({ caller }: Call, roles: readonly Role[]): boolean {
  return caller.kind !== 'nobody' && caller.roles.some((role) => roles.includes(role));
}

type Asked = Awaited<ReturnType<ApiPorts['identity']['consents']['ask']>>;

function shown(asked: Asked): ConsentQuestion | Refusal {
  return isRefusal(asked) ? asked : { ...asked, jobs: [...asked.jobs] };
}
