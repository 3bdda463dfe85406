import { isOwn } from '../../controls/identity/index.ts';
import { isRefusal, type Refusal, refuse } from '../../core/refusal.ts';
import { Secret } from '../../core/secret.ts';
import type { Handlers } from '../handler.ts';
import type { ApiPorts } from '../ports.ts';
import type { ApiCaller } from '../server/caller.ts';

type ConsentOperation = 'consents.list' | 'consents.give' | 'consents.withdraw';

export function consentHandlers({
  identity: { upstreamTokens },
  tokenSource,
}: ApiPorts): Pick<Handlers, ConsentOperation> {
  return {
    'consents.list': async (_input, { caller }) => {
      const person = personOf(caller);
      if (isRefusal(person)) return person;
      const consents = await upstreamTokens.consents(person.id);
      return { consents: consents.map(({ person: _person, ...consent }) => consent) };
    },
    'consents.give': async ({ body }, { caller }) => {
      const person = personOf(caller);
      if (isRefusal(person)) return person;
      const source = tokenSource(body.upstream);
      if (source === undefined || isOwn(source)) {
        return refuse('not_found', `${body.upstream} is no server at which the gateway acts for users`);
      }
      if (body.id_token !== undefined) {
        const refused = await upstreamTokens.keepIdToken(source, person, new Secret(body.id_token));
        if (refused !== undefined) return refused;
      }
      const given = await upstreamTokens.consent(body.upstream, source, person);
      if (isRefusal(given)) return given;
      const { upstream, client, given_at } = given;
      return { upstream, client, given_at };
    },
    'consents.withdraw': async ({ params }, { caller }) => {
      const person = personOf(caller);
      return isRefusal(person) ? person : ((await upstreamTokens.withdraw(params.upstream, person)) ?? { done: true });
    },
  };
}

/** Consent is a person's own; the control socket is nobody. */
function personOf(caller: ApiCaller): { id: string; name: string } | Refusal {
  return caller.kind === 'person' ? caller.session.person : refuse('sign_in_required', 'consent is a person’s own');
}
