import type { AgentEntry } from '../../controls/identity/index.ts';
import { ACTIONS } from '../../controls/policy/index.ts';
import type { DecisionRequest } from '../../core/decision.ts';
import type { JsonObject } from '../../core/json.ts';
import { LOWEST_LABEL } from '../../core/label.ts';
import { nearest } from '../../core/nearest.ts';
import type { EntityRef, Run } from '../../core/principal.ts';
import { isRefusal, publicSentence, type Refusal, refuse } from '../../core/refusal.ts';
import type { CanAnswer, Remedy } from '../contract/index.ts';
import type { Handlers } from '../handler.ts';
import type { ApiPorts } from '../ports.ts';
import { elsewhere } from '../story/elsewhere.ts';
import { explanationOf } from '../story/explanation.ts';

type Asked = {
  agent: string;
  action: string;
  resource: string;
  args?: JsonObject | undefined;
  job?: string | undefined;
  purpose?: string | undefined;
  for?: string | undefined;
};

/** Answers before anyone tries: by the rules of this moment, for an agent with its own key that was lent nothing. */
export function canHandlers(ports: ApiPorts): Pick<Handlers, 'can'> {
  return {
    can: async ({ body }) => {
      const request = requestOf(body as Asked, ports);
      return isRefusal(request) ? request : answer(request, ports);
    },
  };
}

async function answer(request: DecisionRequest, ports: ApiPorts): Promise<CanAnswer | Refusal> {
  const { explainer, decisions } = ports;
  const set = decisions.setFor(request.agent.id);
  const story = await explainer.explain(set, request);
  const decision = story?.accesses[0]?.decision;
  if (story === undefined || decision === undefined) return refuse('not_found', `no policy set ${set} is stored`);
  const stopped = await obstacle(request, ports);
  const { access, ...facts } = request;
  const listed = decisions.visible(facts, [access])[0] === true;
  const beside = stopped ?? besidePolicy(decision.code, serverOf(request));
  const explanation = explanationOf(story, {
    set,
    active: true,
    stage: stopped?.stage ?? (decision.effect === 'permit' ? null : 'decide'),
    obligations: decision.obligations.map((obligation) => ({ ...obligation, did: 'would apply' })),
    labels: { before: labelWords(LOWEST_LABEL), after: null },
    missing: assumed(request, ports),
    beside: beside?.remedy,
  });
  const code = stopped?.code ?? decision.code ?? null;
  const hints = [...decision.notes.flatMap((note) => note.public ?? []), ...decision.hints].join(' ');
  const effect = stopped === undefined ? decision.effect : 'deny';
  return {
    effect,
    code,
    sentence: sentenceOf(request, effect, code),
    public: effect === 'permit' ? null : told({ code, listed, hints, stopped: stopped !== undefined }),
    listed,
    explanation,
  };
}

/** What an answer beforehand cannot know. */
function assumed({ agent, run }: DecisionRequest, { identity }: ApiPorts): string[] {
  const said = ['Answered for a run that the agent opens with its own key, and to which nothing was delegated.'];
  const { subject } = run;
  if (subject !== null && identity.agents.get(agent.id)?.users.includes(subject.name) !== true) {
    said.push(`To act for ${subject.name} the agent needs that user’s own token.`);
  }
  return said;
}

type Obstacle = { code: string; stage: string; remedy: Remedy };

function besidePolicy(code: string | undefined, server: string): { remedy: Remedy } | undefined {
  return code === 'arguments_invalid' ? { remedy: elsewhere(code, { server }) } : undefined;
}

function serverOf({ access }: Pick<DecisionRequest, 'access'>): string {
  return access.resource.id.split('/')[0] ?? '';
}

/** What would end it before policy is asked: a stop, a tool that nobody approved. */
async function obstacle({ agent, access }: DecisionRequest, { identity }: ApiPorts): Promise<Obstacle | undefined> {
  const { id } = access.resource;
  const server = serverOf({ access });
  const names: Record<string, string | null> = { agent: agent.id, upstream: server, tool: id, all: null };
  const stop = identity.stops.list().find(({ kind, id: of }) => kind in names && names[kind] === of);
  if (stop !== undefined) {
    return { code: 'stopped', stage: 'check identity', remedy: elsewhere('stopped', { stop: stop.stop }) };
  }
  if (access.resource.type !== 'Tool') return undefined;
  const part = (await identity.manifests.list()).find(
    (one) => one.kind === 'tool' && `${one.server}/${one.name}` === id,
  );
  if (part === undefined || part.state === 'pinned') return undefined;
  const code = part.state === 'changed' ? 'tool_changed' : 'tool_not_approved';
  return { code, stage: 'check tool manifest', remedy: elsewhere(code, { server }) };
}

function told(of: { code: string | null; listed: boolean; hints: string; stopped: boolean }): string {
  // Hidden and nonexistent answer alike.
  if (!of.listed) return publicSentence('not_found');
  if (!of.stopped && of.hints !== '') return of.hints;
  return publicSentence((of.code ?? 'policy_denied') as Parameters<typeof publicSentence>[0]);
}

function sentenceOf({ agent, run, access }: DecisionRequest, effect: CanAnswer['effect'], code: string | null): string {
  const what = `${access.action} on ${access.resource.type}::${JSON.stringify(access.resource.id)} in a run of job ${run.job}`;
  if (effect === 'permit') return `${agent.id} may ${what}.`;
  if (effect === 'hold') return `${agent.id} may ${what} only with a person’s approval.`;
  return `${agent.id} may not ${what} (${code}).`;
}

function requestOf(asked: Asked, { identity, clock }: ApiPorts): DecisionRequest | Refusal {
  const agent = identity.agents.get(asked.agent);
  if (agent === undefined) {
    const meant = nearest(
      asked.agent,
      identity.agents.list().map(({ id }) => id),
    );
    return refuse('not_found', `there is no agent ${asked.agent}${meant === undefined ? '' : `; ${meant} is one`}`);
  }
  const resource = resourceOf(asked.action, asked.resource);
  if (isRefusal(resource)) return resource;
  const run = runOf(agent, asked, clock.now());
  if (isRefusal(run)) return run;
  return {
    principal: { type: 'Agent', id: agent.id },
    agent,
    credential: { kind: 'dpop', thumbprint: agent.key },
    run,
    protocol: ACTIONS[asked.action]?.protocol ?? 'mcp',
    access: { action: asked.action, resource, args: asked.args ?? {} },
  };
}

function resourceOf(action: string, text: string): EntityRef | Refusal {
  const row = ACTIONS[action];
  const mine = Object.keys(ACTIONS).filter((name) => ACTIONS[name]?.principals.includes('Agent'));
  if (row === undefined || !row.principals.includes('Agent')) {
    return refuse('input_invalid', `${action} is nothing that an agent does; it is one of ${mine.join(', ')}`);
  }
  const [, type = row.resources[0] ?? '', quoted, plain] = /^(?:([A-Za-z]+)::)?(?:"(.*)"|(.*))$/s.exec(text) ?? [];
  const id = quoted ?? plain ?? '';
  if (!row.resources.includes(type)) {
    return refuse('input_invalid', `${action} is for ${row.resources.join(' or ')}, not ${type}`);
  }
  return id === '' ? refuse('input_invalid', 'the resource has no name') : { type, id };
}

/** Job, purpose and user are granted, never asserted: what the agent could not have is refused here as it is there. */
function runOf(agent: AgentEntry, { job: wanted, purpose, for: user }: Asked, now: number): Run | Refusal {
  const job = wanted ?? (agent.jobs.length === 1 ? agent.jobs[0] : undefined);
  if (job === undefined) return refuse('input_invalid', `say which of its jobs: ${agent.jobs.join(', ')}`);
  if (!agent.jobs.includes(job)) return refuse('job_not_granted', `${agent.id} has the jobs ${agent.jobs.join(', ')}`);
  if (purpose !== undefined && !agent.purposes.includes(purpose)) {
    return refuse('purpose_not_granted', `${agent.id} has the purposes ${agent.purposes.join(', ') || '(none)'}`);
  }
  return {
    id: 'run_none',
    agent: agent.id,
    job,
    opened_by: `agent:${agent.id}`,
    purpose: purpose ?? null,
    subject: user === undefined ? null : { id: 'usr_none', name: user },
    chain: [],
    scopes: [],
    opened_at: now,
    expires_at: now,
    labels: LOWEST_LABEL,
  };
}

function labelWords({ confidentiality, integrity }: typeof LOWEST_LABEL): string {
  return `${confidentiality}, ${integrity}`;
}
