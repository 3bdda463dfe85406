import type { Identity } from '../controls/identity/index.ts';
import {
  AGENT_ACTIONS,
  type Applications,
  denied,
  evaluateAgent,
  type PolicyEngine,
} from '../controls/policy/index.ts';
import { LOWEST_LABEL } from '../core/label.ts';
import type { AgentFacts, Run } from '../core/principal.ts';
import { AGENT_TYPE, type Asker, type DecisionPoint, type Question } from '../protocols/authzen/index.ts';
import type { Upstreams } from '../protocols/mcp/index.ts';

export type DecisionPointParts = {
  agents: Pick<Identity['agents'], 'list' | 'get'>;
  engine: PolicyEngine;
  upstreams: Pick<Upstreams, 'list' | 'catalog' | 'catalogs'>;
  applications: Applications | undefined;
};

/** Joins AuthZEN with who can answer: questions about agents go to the gateway's policies, all others to their own. */
export function decisionPoint(parts: DecisionPointParts): DecisionPoint {
  const { agents, engine, upstreams, applications } = parts;
  const tools = () =>
    upstreams.catalogs().flatMap((catalog) => catalog.tools.map(({ name }) => `${catalog.server}/${name}`));
  return {
    async prepare(server) {
      // A server that cannot be asked has no tools: what is asked about them is denied.
      const servers = upstreams.list().filter((known) => server === undefined || known === server);
      await Promise.all(servers.map((known) => upstreams.catalog(known)));
    },
    evaluate(question, asker) {
      if (question.subject.type !== AGENT_TYPE) {
        return applications?.evaluate(question) ?? denied('no other application’s policies are configured');
      }
      const agent = agents.get(question.subject.id);
      if (agent === undefined) return denied('there is no agent of this name');
      const run = runFor(agent, question, asker);
      if (run === undefined) return denied('say which of its jobs: context.job');
      const { caller } = asker;
      const credential =
        caller.agent.id === agent.id ? caller.credential : { ...caller.credential, kind: 'dpop' as const };
      const principal = { type: 'Agent', id: agent.id } as const;
      return evaluateAgent(engine, { principal, agent, credential, run, protocol: 'mcp' }, question);
    },
    known(type) {
      if (type === AGENT_TYPE) return agents.list().map(({ id }) => id);
      return type === 'tool' ? tools() : (applications?.known(type) ?? []);
    },
    isKnown(type, id) {
      if (type === AGENT_TYPE) return agents.get(id) !== undefined;
      return type === 'tool' ? tools().includes(id) : (applications?.isKnown(type, id) ?? false);
    },
    actions: (subject) => (subject === AGENT_TYPE ? AGENT_ACTIONS : (applications?.actions() ?? [])),
  };
}

/** The asker's own run where it asks about itself, else one that might be: of a job that the agent is registered for. */
function runFor(agent: AgentFacts, { context }: Question, { caller, run }: Asker): Run | undefined {
  if (agent.id === caller.agent.id) return run;
  const { job = agent.jobs.length === 1 ? agent.jobs[0] : undefined } = context;
  if (typeof job !== 'string' || !agent.jobs.includes(job)) return undefined;
  return { ...run, agent: agent.id, job, opened_by: `agent:${agent.id}`, labels: LOWEST_LABEL };
}
