import type { Grant as OpenGrant } from '../../controls/policy/index.ts';
import { isRefusal, refuse } from '../../core/refusal.ts';
import type { Grant } from '../contract/index.ts';
import type { Handlers } from '../handler.ts';
import type { ApiPorts } from '../ports.ts';

type GrantOperation = 'grants.list' | 'grants.give' | 'grants.end';

export function grantHandlers({ grants, identity }: ApiPorts): Pick<Handlers, GrantOperation> {
  return {
    'grants.list': async ({ query }) => ({
      grants: (await grants.list(query.ended === 'true')).map(grantOf),
      seconds_max: grants.seconds_max,
      now: grants.now(),
    }),
    'grants.give': async ({ body: { when, ...asked } }, { caller }) => {
      const known = await identity.agents.list();
      if (!known.some(({ id }) => id === asked.agent)) {
        const sentence = `There is no agent ${asked.agent}. See: sallyport agent list`;
        return refuse('input_invalid', sentence, { public: sentence });
      }
      const given = await grants.give({ ...asked, when }, caller.by);
      if (isRefusal(given)) return given;
      return { grant: grantOf(given.grant), warnings: [...given.warnings] };
    },
    'grants.end': async ({ params, body }, { caller }) => {
      const ended = await grants.end(params.grant, caller.by, body.reason);
      return isRefusal(ended) ? ended : grantOf(ended);
    },
  };
}

function grantOf({ actions, resource, when, ended, given_version: _, ...grant }: OpenGrant): Grant {
  return {
    ...grant,
    actions: [...actions],
    resource: { ...resource },
    when: when ?? null,
    ended_at: ended?.at ?? null,
    ended_by: ended?.by ?? null,
    end_reason: ended?.why ?? null,
    open: ended === undefined,
  };
}
