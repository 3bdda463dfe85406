import type { AgentEntry } from '../../controls/identity/index.ts';
import { LOWEST_LABEL } from '../../core/label.ts';
import type { Run } from '../../core/principal.ts';
import { isRefusal, refuse } from '../../core/refusal.ts';
import type { Handlers } from '../handler.ts';
import type { ApiPorts } from '../ports.ts';
import { activityOf } from '../story/activity.ts';
import { describeAgent } from './agents.ts';

type OneAgentOperation = 'agents.tools' | 'agents.activity' | 'agents.workloads' | 'agents.rotate';

export function oneAgentHandlers(ports: ApiPorts): Pick<Handlers, OneAgentOperation> {
  const { identity, ledger, clock } = ports;
  const { agents, manifests } = identity;
  const unknown = (id: string) => refuse('not_found', `there is no agent ${id}`);
  return {
    'agents.tools': async ({ params, query }) => {
      const agent = agents.get(params.agent);
      if (agent === undefined) return unknown(params.agent);
      const { job = agent.jobs[0]! } = query;
      if (!agent.jobs.includes(job)) {
        return refuse('job_not_granted', `agent ${agent.id} is not registered for job ${job}`);
      }
      const offered = (await manifests.list()).filter(({ kind, state }) => kind === 'tool' && state !== 'removed');
      const visible = visibleTo(agent, job, offered, ports);
      const tools = offered
        .filter((_, at) => visible[at] === true)
        .map(({ server, name, state }) => ({ server, name, state }));
      return { job, tools, hidden: offered.length - tools.length };
    },
    'agents.activity': ({ params }) =>
      agents.get(params.agent) === undefined ? unknown(params.agent) : activityOf(ledger, params.agent, clock.now()),
    'agents.workloads': async ({ params }) =>
      agents.get(params.agent) === undefined
        ? unknown(params.agent)
        : { workloads: [...ports.workloads(params.agent)] },
    'agents.rotate': async ({ params, body }, { caller }) => {
      const rotated = await agents.rotate(params.agent, body.public_key, caller.by);
      if (isRefusal(rotated)) return rotated;
      return {
        agent: describeAgent(rotated.agent, identity),
        private_key: (rotated.private_key?.reveal() ?? null) as Record<string, string> | null,
      };
    },
  };
}

/** As a list that it asks for would be: in its own name, with its key, for no purpose. */
function visibleTo(
  agent: AgentEntry,
  job: string,
  tools: readonly { server: string; name: string }[],
  { decisions, clock }: ApiPorts,
): readonly boolean[] {
  const now = clock.now();
  const run: Run = {
    id: 'run_none',
    agent: agent.id,
    job,
    opened_by: `agent:${agent.id}`,
    purpose: null,
    subject: null,
    chain: [],
    scopes: [],
    opened_at: now,
    expires_at: now,
    labels: LOWEST_LABEL,
  };
  return decisions.visible(
    {
      principal: { type: 'Agent', id: agent.id },
      agent,
      credential: { kind: 'dpop', thumbprint: agent.key },
      run,
      protocol: 'mcp',
    },
    tools.map(({ server, name }) => ({
      action: 'tool.call',
      resource: { type: 'Tool', id: `${server}/${name}` },
    })),
  );
}
