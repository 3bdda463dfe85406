import * as cedar from '@cedar-policy/cedar-wasm/nodejs';
import { createEngine, type Engine } from '../src/controls/policy/engine.ts';
import { createPolicySet } from '../src/controls/policy/policy-set.ts';
import { readPolicies } from '../src/controls/policy/source.ts';
import { FULFILLABLE } from '../src/controls/policy/vocabulary.ts';
import type { DecisionRequest } from '../src/core/decision.ts';
import { LOWEST_LABEL } from '../src/core/label.ts';
import type { ServerCatalog } from '../src/core/manifest.ts';
import { systemClock } from '../src/main/clock.ts';
import { atMost, type Figures, machine, medians, type Report, rounded } from './support/report.ts';

/**
 * One decision, as the pipeline asks for it: arguments mapped, policies found and evaluated, outcomes combined. Beside it
 * cedar-wasm, preparsed, on the same policies and requests, and without the mapping. One call in ten is denied.
 */
type Options = { quick: boolean; progress(text: string): void };
type Subject = { name: string; decide(at: number): void; calls: number };

const TOOLS = 1_000;
const AGENTS = 50;
const REQUESTS = 1_000;

export async function run({ quick, progress }: Options): Promise<Report> {
  const rounds = quick ? 3 : 7;
  const calls = quick ? 4_000 : 20_000;
  const subjects = [10, 100, 1_000].flatMap((policies) => subjectsFor(policies, calls));
  const list = listSubject();
  const measured = new Map<string, Figures[]>();
  for (let round = 0; round < rounds; round += 1) {
    progress(`policy: round ${round + 1} of ${rounds}`);
    for (const subject of subjects) note(measured, subject.name, measure(subject));
    note(measured, 'sallyport, list of 1,000 tools', list());
  }
  const results = Object.fromEntries([...measured].map(([name, figures]) => [name, medians(figures)]));
  const p50 = (name: string): number => results[name]?.['p50_us'] ?? Number.POSITIVE_INFINITY;
  return {
    name: 'policy',
    machine: machine(),
    results,
    bars: [
      atMost('decision p50 at 10 policies, µs', p50('sallyport, 10 policies'), 5),
      atMost('decision p50 at 1,000 policies, µs', p50('sallyport, 1000 policies'), 20),
      atMost(
        'uncached list of 1,000 tools at 1,000 policies, p50, ms',
        results['sallyport, list of 1,000 tools']?.['p50_ms'] ?? Number.POSITIVE_INFINITY,
        10,
      ),
    ],
  };
}

function note(measured: Map<string, Figures[]>, name: string, figures: Figures): void {
  measured.set(name, [...(measured.get(name) ?? []), figures]);
}

function measure({ decide, calls }: Subject): Figures {
  const times = new Float64Array(calls);
  const cpu = process.cpuUsage();
  const started = performance.now();
  for (let at = 0; at < calls; at += 1) {
    const from = performance.now();
    decide(at);
    times[at] = (performance.now() - from) * 1_000;
  }
  const elapsed_ms = performance.now() - started;
  const { user, system } = process.cpuUsage(cpu);
  times.sort();
  return {
    rps: rounded((calls / elapsed_ms) * 1_000),
    p50_us: rounded(times[Math.floor(calls * 0.5)] ?? 0),
    p99_us: rounded(times[Math.floor(calls * 0.99)] ?? 0),
    cpu_us: rounded((user + system) / calls),
  };
}

function subjectsFor(policies: number, calls: number): Subject[] {
  const text = policyTexts(policies);
  const engine = engineFor(text);
  const requests = Array.from({ length: REQUESTS }, (_, at) => request(at, policies));
  const reference = referenceFor(text, requests);
  for (let at = 0; at < REQUESTS; at += 1) {
    const expected = reference(at);
    const effect = engine.decide(requests[at] as DecisionRequest).effect === 'permit' ? 'allow' : 'deny';
    if (effect !== expected) throw new Error(`request ${at}: sallyport ${effect}, cedar-wasm ${expected}`);
  }
  return [
    {
      name: `sallyport, ${policies} policies`,
      decide: (at) => void engine.decide(requests[at % REQUESTS] as DecisionRequest),
      calls,
    },
    // As many calls as take about a second: it costs a thousand times as much.
    {
      name: `cedar-wasm, ${policies} policies`,
      decide: (at) => void reference(at % REQUESTS),
      calls: calls / (policies >= 1_000 ? 200 : 20),
    },
  ];
}

/** Three in five for one tool, one for an agent at a server, one that forbids; one in fifty has nothing in its head. */
function policyTexts(count: number): string[] {
  return Array.from({ length: count }, (_, at) => {
    const notes = `@id("policy-${at}") @reason("One of the bench's.")`;
    const tool = `action == Action::"tool.call", resource == Tool::"files/tool-${at - (at % 5)}"`;
    if (at % 50 === 49)
      return `${notes} forbid (principal, action, resource) when { context.credential.kind == "none" };`;
    if (at % 5 === 3) {
      return `${notes} permit (principal == Agent::"agent-${at % AGENTS}", action == Action::"tool.call", resource in Server::"files")
        when { context.args has limit && context.args.limit < 0 };`;
    }
    if (at % 5 === 4) return `${notes} forbid (principal is Agent, ${tool}) when { context.args.path like "*..*" };`;
    return `${notes} permit (principal is Agent, ${tool})
      when { context.run.job == "job-${at % 5}" && context.args.path like "reports/*" };`;
  });
}

const CATALOG: ServerCatalog = {
  server: 'files',
  tools: Array.from({ length: TOOLS }, (_, at) => ({
    server: 'files',
    name: `tool-${at}`,
    inputSchema: {
      type: 'object',
      properties: {
        path: { type: 'string' },
        limit: { type: 'integer' },
        tags: { type: 'array', items: { type: 'string' } },
      },
      required: ['path'],
    },
    raw: {},
  })),
  resources: [],
  templates: [],
  prompts: [],
  digest: '',
};

function engineFor(texts: readonly string[]): Engine {
  const text = readPolicies([{ name: 'bench.cedar', text: texts.join('\n') }], FULFILLABLE);
  if (text.problems.length > 0) throw new Error(text.problems[0]?.message);
  const onDisagreement = (): void => {
    throw new Error('cedar-wasm disagrees');
  };
  const engine = createEngine({ clock: systemClock, onDisagreement, report: onDisagreement }, createPolicySet(text));
  engine.useCatalog([CATALOG]);
  return engine;
}

const RUN = {
  job: 'job-0',
  opened_at: 0,
  expires_at: 1,
  purpose: null,
  subject: null,
  chain: [],
  scopes: [],
  labels: LOWEST_LABEL,
};

function request(at: number, policies: number): DecisionRequest {
  const id = `agent-${at % AGENTS}`;
  const tool = Math.floor((at % policies) / 5) * 5;
  return {
    principal: { type: 'Agent', id },
    agent: { id, owner: 'team', version: '1', jobs: ['job-0', 'job-1'] },
    credential: { kind: 'dpop', thumbprint: 'key' },
    run: { ...RUN, id: `run-${at}`, agent: id, opened_by: id },
    protocol: 'mcp',
    access: {
      action: 'tool.call',
      resource: { type: 'Tool', id: `files/tool-${tool}` },
      args: { path: at % 10 === 0 ? 'secret/salaries.csv' : 'reports/2026-q3.md', limit: 5, tags: ['a', 'b'] },
    },
  };
}

/** The least that cedar-wasm must be told: three entities and the context. */
function referenceFor(texts: readonly string[], requests: readonly DecisionRequest[]): (at: number) => string {
  const name = `bench-${texts.length}`;
  const policies = { staticPolicies: Object.fromEntries(texts.map((text, at) => [`policy-${at}`, text])) };
  if (cedar.preparsePolicySet(name, policies).type === 'failure') throw new Error('cedar-wasm takes not the policies');
  const calls = requests.map((one): cedar.StatefulAuthorizationCall => {
    const { principal, agent, access, credential, run, protocol } = one;
    const [server = ''] = access.resource.id.split('/');
    const tool = access.resource.id.slice(server.length + 1);
    const { id, job, opened_by } = run;
    return {
      principal,
      action: { type: 'Action', id: access.action },
      resource: access.resource,
      context: {
        args: access.args as Record<string, string>,
        nulls: [],
        unmapped: [],
        run: { id, job, opened_by },
        chain: { depth: 0, actors: [] },
        credential: { kind: credential.kind },
        protocol,
      },
      preparsedPolicySetId: name,
      entities: [
        { uid: principal, attrs: { owner: agent.owner, version: agent.version, jobs: [...agent.jobs] }, parents: [] },
        { uid: access.resource, attrs: { server, name: tool }, parents: [{ type: 'Server', id: server }] },
        { uid: { type: 'Server', id: server }, attrs: { name: server }, parents: [] },
      ],
    };
  });
  return (at) => {
    const answer = cedar.statefulIsAuthorized(calls[at] as cedar.StatefulAuthorizationCall);
    if (answer.type === 'failure') throw new Error(answer.errors[0]?.message);
    return answer.response.decision;
  };
}

/** Each list is another run's, so that none comes from the cache. */
function listSubject(): () => Figures {
  const engine = engineFor(policyTexts(1_000));
  const candidates = CATALOG.tools.map(({ name }) => ({
    action: 'tool.call',
    resource: { type: 'Tool', id: `files/${name}` },
  }));
  let run = 0;
  return () => {
    const times: number[] = [];
    const cpu = process.cpuUsage();
    for (let at = 0; at < 20; at += 1) {
      run += 1;
      const facts = request(0, 1_000);
      const from = performance.now();
      engine.visible({ ...facts, run: { ...facts.run, id: `list-${run}` } }, candidates);
      times.push(performance.now() - from);
    }
    times.sort((a, b) => a - b);
    const { user, system } = process.cpuUsage(cpu);
    return {
      cpu_ms: rounded((user + system) / 20_000),
      p50_ms: rounded(times[10] ?? 0),
      p99_ms: rounded(times[19] ?? 0),
    };
  };
}
