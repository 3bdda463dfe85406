import type { AgentEntry } from '../../controls/identity/index.ts';
import { isRefusal, refuse } from '../../core/refusal.ts';
import type { Agent } from '../contract/index.ts';
import type { Handlers } from '../handler.ts';
import type { ApiPorts } from '../ports.ts';

type AgentOperation =
  | 'agents.list'
  | 'agents.add'
  | 'agents.remove'
  | 'tokens.list'
  | 'tokens.issue'
  | 'tokens.revoke'
  | 'runs.list'
  | 'runs.end'
  | 'stops.list'
  | 'stops.set'
  | 'stops.lift';

const DAY_MS = 86_400_000;
const RUNS_SHOWN = 100;

export function agentHandlers({ clock, identity }: ApiPorts): Pick<Handlers, AgentOperation> {
  const { agents, tokens, runs, stops } = identity;
  const describe = ({ jobs, ...agent }: AgentEntry): Agent => ({
    ...agent,
    jobs: [...jobs],
    stopped_by:
      stops.list().find(({ kind, id }) => kind === 'all' || (kind === 'agent' && id === agent.id))?.stop ?? null,
  });
  return {
    'agents.list': () => ({ agents: agents.list().map(describe) }),
    'agents.add': async ({ body: { public_key, version, ...agent } }, { caller }) => {
      const given = {
        ...agent,
        ...(version === undefined ? {} : { version }),
        ...(public_key === undefined ? {} : { public_key }),
      };
      const added = await agents.add(given, caller.by);
      if (isRefusal(added)) return added;
      return {
        agent: describe(added.agent),
        private_key: (added.private_key?.reveal() ?? null) as Record<string, string> | null,
      };
    },
    'agents.remove': async ({ params }, { caller }) => (await agents.remove(params.agent, caller.by)) ?? { done: true },
    'tokens.list': async () => ({ tokens: [...(await tokens.list())] }),
    'tokens.issue': async ({ body: { agent, job, days } }, { caller }) => {
      const issued = await tokens.issue({ agent, job, expires_at: clock.now() + days * DAY_MS }, caller.by);
      return isRefusal(issued) ? issued : { token: issued.token, secret: issued.secret.reveal() };
    },
    'tokens.revoke': async ({ params }, { caller }) => (await tokens.revoke(params.token, caller.by)) ?? { done: true },
    'runs.list': async ({ query }) => ({
      runs: (await runs.list(query.limit ?? RUNS_SHOWN)).map(({ labels: _, ...run }) => run),
    }),
    'runs.end': async ({ params }, { caller }) => (await runs.end(params.run, caller.by)) ?? { done: true },
    'stops.list': () => ({ stops: [...stops.list()] }),
    'stops.set': async ({ body: { kind, id, reason } }, { caller }) => {
      if ((kind === 'all') !== (id === undefined))
        return refuse('input_invalid', 'id: every kind but `all` names what it stops');
      return stops.set({ kind, id: id ?? null, reason, by: caller.by });
    },
    'stops.lift': async ({ params }, { caller }) => (await stops.lift(params.stop, caller.by)) ?? { done: true },
  };
}
