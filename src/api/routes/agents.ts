import type { AgentEntry, DelegationEntry, RunEntry, Stop } from '../../controls/identity/index.ts';
import { isRefusal, refuse } from '../../core/refusal.ts';
import type { Agent, Delegation, Run } from '../contract/index.ts';
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
  | 'runs.show'
  | 'runs.start'
  | 'runs.end'
  | 'delegations.list'
  | 'delegations.lend'
  | 'stops.list'
  | 'stops.set'
  | 'stops.lift';

function describeRun({ labels: _, subject, ...run }: RunEntry): Run {
  return { ...run, subject: subject?.name ?? null };
}

function describeDelegation({ scope, ...entry }: DelegationEntry): Delegation {
  const { actions, resources, budgets } = scope;
  const copied = { actions: actions && [...actions], resources: resources && [...resources], budgets: { ...budgets } };
  return { ...entry, scope: copied };
}

/** What was said, and nothing in the place of what was not: the types tell absent from undefined. */
function given<T extends object>(values: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  const said = Object.entries(values).filter(([, value]) => value !== undefined);
  return Object.fromEntries(said) as { [K in keyof T]?: Exclude<T[K], undefined> };
}

export function describeAgent(
  { jobs, purposes, users, ...agent }: AgentEntry,
  { stops }: Pick<ApiPorts['identity'], 'stops'>,
): Agent {
  const holds = ({ kind, id }: Stop) => kind === 'all' || (kind === 'agent' && id === agent.id);
  const stopped_by = stops.list().find(holds)?.stop ?? null;
  return { ...agent, jobs: [...jobs], purposes: [...purposes], users: [...users], stopped_by };
}

const DAY_MS = 86_400_000;
const RUNS_SHOWN = 100;

export function agentHandlers({ clock, identity }: ApiPorts): Pick<Handlers, AgentOperation> {
  const { agents, tokens, runs, delegations, stops } = identity;
  const describe = (agent: AgentEntry): Agent => describeAgent(agent, identity);
  return {
    'agents.list': () => ({ agents: agents.list().map(describe) }),
    'agents.add': async ({ body: { id, owner, jobs, ...more } }, { caller }) => {
      const added = await agents.add({ id, owner, jobs, ...given(more) }, caller.by);
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
      runs: (await runs.list(query.limit ?? RUNS_SHOWN)).map(describeRun),
    }),
    'runs.show': async ({ params }) => {
      const run = await runs.find(params.run);
      if (run === undefined) return refuse('not_found', `there is no run ${params.run}`);
      const chain = run.delegation === null ? [] : await delegations.chain(run.delegation);
      return { run: describeRun(run), chain: chain.map(describeDelegation) };
    },
    'runs.start': async ({ body: { agent, job, minutes, ...more } }, { caller }) => {
      const asked = { agent, job, ...given({ ...more, seconds: minutes === undefined ? undefined : minutes * 60 }) };
      const started = await runs.start(asked, caller.by, caller.kind === 'person' ? caller.session.person : undefined);
      return isRefusal(started) ? started : { run: describeRun(started.run), secret: started.secret.reveal() };
    },
    'delegations.list': async ({ query }) => ({
      delegations: (await delegations.list(query.limit ?? RUNS_SHOWN)).map(describeDelegation),
    }),
    'delegations.lend': async ({ body: { agent, minutes, ...scope } }, { caller }) => {
      if (caller.kind !== 'person') {
        return refuse('sign_in_required', 'the control socket is nobody in whose name an agent could act');
      }
      const { id, name } = caller.session.person;
      const lent = { to: agent, scope: given(scope), ...(minutes === undefined ? {} : { seconds: minutes * 60 }) };
      const done = await delegations.lend(lent, { id, name });
      return isRefusal(done) ? done : { delegation: describeDelegation(done.delegation), grant: done.grant.reveal() };
    },
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
