import { argumentsOf } from '../../src/controls/policy/argument-types.ts';
import { ArgumentsInvalid, mapArguments } from '../../src/controls/policy/argument-values.ts';
import { createEngine, type Engine } from '../../src/controls/policy/engine.ts';
import { createPolicySet } from '../../src/controls/policy/policy-set.ts';
import { readPolicies } from '../../src/controls/policy/source.ts';
import { listsToSplit } from '../../src/controls/policy/suggest/elements.ts';
import { type Learnt, learn } from '../../src/controls/policy/suggest/learn.ts';
import type { Use } from '../../src/controls/policy/suggest/use.ts';
import { permitOf } from '../../src/controls/policy/suggest/write.ts';
import { validatePolicies } from '../../src/controls/policy/validate.ts';
import { FULFILLABLE } from '../../src/controls/policy/vocabulary.ts';
import type { Decision, DecisionRequest } from '../../src/core/decision.ts';
import { ACCESSES_MAX, eachElement } from '../../src/core/each-element.ts';
import type { JsonObject, JsonValue } from '../../src/core/json.ts';
import { isJsonObject } from '../../src/core/json.ts';
import { LOWEST_LABEL } from '../../src/core/label.ts';
import type { ServerCatalog } from '../../src/core/manifest.ts';
import type { RunLine, ToolLine, World } from './suggest/world.ts';

/** Policies learnt from some runs and put to others, by the product's own engine. */
export type Score = {
  calls: number;
  permitted: number;
  misuse: number;
  denied: number;
  /** By agent. */
  clauses: readonly number[];
  conditions: readonly number[];
  /** For whoever wants to know why: tool, arguments, and what the engine says. */
  broken: readonly { agent: string; tool: string; args: JsonObject; why: string }[];
  missed: readonly { agent: string; kind: string; calls: readonly { tool: string; args: JsonObject }[] }[];
  policies: string;
};

export type Method = 'suggested' | 'naive';

type Called = { tool: string; args: JsonObject };

export function callsOf(line: RunLine): Called[] {
  return line.events.flatMap((event) =>
    event.type === 'tool_call' && 'tool' in event ? [{ tool: idOf(event.tool), args: event.args }] : [],
  );
}

/** A tool is `server/name` to policy. */
export function idOf(tool: string): string {
  return tool.includes('/') ? tool : `tools/${tool}`;
}

export async function scoreOf(
  method: Method,
  train: readonly RunLine[],
  test: readonly RunLine[],
  world: World,
): Promise<Score> {
  const tools = toolsOf(world, train);
  const uses = train.flatMap(usesOf);
  const each = method === 'suggested' ? splitLists(uses, tools) : new Map<string, string[]>();
  const records = new Map(tools.map(({ name, inputSchema }) => [name, argumentsOf(inputSchema, each.get(name))]));
  const learnt =
    method === 'suggested'
      ? await learn(
          uses.flatMap((use) => elementsOf(use.args, each.get(use.resource.id)).map((args) => ({ ...use, args }))),
          (_, { id }) => records.get(id),
          async () => {},
        )
      : naive(train);
  const texts = learnt.flatMap((one) => one.tools.map((tool) => permitOf(one, tool, [])));
  const engine = engineFor(texts, tools, each);
  return { ...judge(engine, test, each), ...countsOf(learnt), policies: texts.join('\n\n') };
}

type Each = ReadonlyMap<string, readonly string[]>;

/** Lists that the suggestion advises to declare `each` are declared so: the operator's half of what is suggested. */
function splitLists(uses: readonly Use[], tools: readonly ToolLine[]): Each {
  const records = new Map(tools.map(({ name, inputSchema }) => [name, argumentsOf(inputSchema)]));
  const each = new Map<string, string[]>();
  for (const { tool, argument } of listsToSplit(uses, (_, { id }) => records.get(id))) {
    each.set(tool, [...(each.get(tool) ?? []), argument]);
  }
  return each;
}

function elementsOf(args: JsonObject, each: readonly string[] = []): JsonObject[] {
  return eachElement(args, each, ACCESSES_MAX) ?? [args];
}

function countsOf(learnt: readonly Learnt[]): Pick<Score, 'clauses' | 'conditions'> {
  const agents = new Map<string, Learnt[]>();
  for (const one of learnt) agents.set(one.agent, [...(agents.get(one.agent) ?? []), one]);
  const sum = (of: readonly Learnt[], count: (tool: Learnt['tools'][number]) => number): number =>
    of.flatMap(({ tools }) => tools.map(count)).reduce((total, number) => total + number, 0);
  return {
    clauses: [...agents.values()].map((of) => sum(of, () => 1)),
    conditions: [...agents.values()].map((of) => sum(of, ({ conditions }) => conditions.length)),
  };
}

function naive(train: readonly RunLine[]): Learnt[] {
  const seen = new Map<string, { agent: string; job: string; tools: Set<string> }>();
  for (const line of train) {
    const key = JSON.stringify([line.agent, line.job]);
    const entry = seen.get(key) ?? { agent: line.agent, job: line.job, tools: new Set() };
    seen.set(key, entry);
    for (const { tool } of callsOf(line)) entry.tools.add(tool);
  }
  return [...seen.values()].map(({ agent, job, tools }) => ({
    agent,
    job,
    runs: 0,
    calls: 0,
    tools: [...tools].map((tool) => ({ ...resourceOf(tool), uses: [], conditions: [] })),
  }));
}

function usesOf(line: RunLine, at: number): Use[] {
  const run = runFacts(line);
  return callsOf(line).map(({ tool, args }, n) => ({
    agent: line.agent,
    run,
    ...resourceOf(tool),
    args,
    time: at * 1_000 + n,
    receipt: '',
  }));
}

function resourceOf(id: string): Pick<Use, 'action' | 'resource'> {
  return { action: 'tool.call', resource: { type: 'Tool', id } };
}

function runFacts({ run, job, agent, subject }: RunLine): Use['run'] {
  const user = subject === undefined ? null : { id: subject, name: subject };
  return { id: run, job, opened_by: agent, purpose: null, subject: user };
}

/** Tools without a definition get one from what they were called with. */
function toolsOf(world: World, train: readonly RunLine[]): ToolLine[] {
  const known = new Map(world.tools.map((tool) => [idOf(tool.name), { ...tool, name: idOf(tool.name) }]));
  const unknown = new Map<string, JsonObject[]>();
  for (const { tool, args } of train.flatMap(callsOf)) {
    if (!known.has(tool)) unknown.set(tool, [...(unknown.get(tool) ?? []), args]);
  }
  for (const [name, tool] of known) {
    const calls = train
      .flatMap(callsOf)
      .filter((call) => call.tool === name)
      .map(({ args }) => args);
    if (!calls.every((args) => isFitting(args, tool))) known.set(name, { ...tool, inputSchema: amended(tool, calls) });
  }
  return [...known.values(), ...[...unknown].map(([name, calls]) => ({ name, inputSchema: inferred(calls) }))];
}

function isFitting(args: JsonObject, { inputSchema }: ToolLine): boolean {
  return !(mapArguments(args, argumentsOf(inputSchema)) instanceof ArgumentsInvalid);
}

/** A definition that honest calls do not keep to describes another tool: what they give is taken for declared too. */
function amended({ inputSchema }: ToolLine, calls: readonly JsonObject[]): JsonObject {
  const found = inferred(calls);
  const declared = isJsonObject(inputSchema['properties']) ? inputSchema['properties'] : {};
  return { ...found, properties: { ...declared, ...(found['properties'] as JsonObject) } };
}

function inferred(objects: readonly JsonObject[]): JsonObject {
  const names = new Set(objects.flatMap((object) => Object.keys(object)));
  const properties: JsonObject = {};
  for (const name of names)
    properties[name] = inferredType(objects.flatMap((object) => (object[name] === undefined ? [] : [object[name]])));
  const required = [...names].filter((name) =>
    objects.every((object) => object[name] !== undefined && object[name] !== null),
  );
  return { type: 'object', properties, required };
}

function inferredType(values: readonly JsonValue[]): JsonObject {
  const given = values.filter((value) => value !== null);
  const kinds = new Set(given.map((value) => (Array.isArray(value) ? 'array' : typeof value)));
  if (kinds.size !== 1) return {};
  const [kind] = kinds;
  if (kind === 'object') return inferred(given.filter(isJsonObject));
  if (kind === 'array') return { type: 'array', items: inferredType(given.flatMap((value) => value as JsonValue[])) };
  if (kind === 'number') return { type: given.every(Number.isSafeInteger) ? 'integer' : 'number' };
  return { type: kind as string };
}

function engineFor(texts: readonly string[], tools: readonly ToolLine[], each: Each): Engine {
  const text = readPolicies([{ name: 'suggested.cedar', text: texts.join('\n\n') }], FULFILLABLE);
  const complain = (): never => {
    throw new Error('cedar-wasm disagrees');
  };
  const clock = { now: () => 0, monotonic: () => 0, after: () => () => {} };
  const engine = createEngine(
    { clock, onDisagreement: complain, report: complain, each: (server, name) => each.get(`${server}/${name}`) ?? [] },
    createPolicySet(text),
  );
  engine.useCatalog(catalogsOf(tools));
  const problems = [...text.problems, ...validatePolicies(text, engine.registered)].filter(
    ({ severity }) => severity === 'error',
  );
  if (problems.length > 0) throw new Error(`what is suggested does not load: ${JSON.stringify(problems[0])}`);
  return engine;
}

function catalogsOf(tools: readonly ToolLine[]): ServerCatalog[] {
  const servers = new Map<string, ServerCatalog['tools'][number][]>();
  for (const { name: id, inputSchema } of tools) {
    const slash = id.indexOf('/');
    const server = id.slice(0, slash);
    servers.set(server, [...(servers.get(server) ?? []), { server, name: id.slice(slash + 1), inputSchema, raw: {} }]);
  }
  return [...servers].map(([server, list]) => ({
    server,
    tools: list,
    prompts: [],
    resources: [],
    templates: [],
    digest: '',
  }));
}

function judge(
  engine: Engine,
  test: readonly RunLine[],
  each: Each,
): Omit<Score, 'clauses' | 'conditions' | 'policies'> {
  let calls = 0;
  let permitted = 0;
  let misuse = 0;
  let denied = 0;
  const broken: Score['broken'][number][] = [];
  const missed: Score['missed'][number][] = [];
  for (const line of test) {
    const verdicts = callsOf(line).map((call) => ({ call, decision: decisionOn(engine, line, call, each) }));
    if (line.label === 'misuse') {
      misuse += 1;
      if (verdicts.some(({ decision }) => decision.effect !== 'permit')) denied += 1;
      else missed.push({ agent: line.agent, kind: line.kind ?? '', calls: callsOf(line) });
      continue;
    }
    for (const { call, decision } of verdicts) {
      calls += 1;
      if (decision.effect === 'permit') permitted += 1;
      else broken.push({ agent: line.agent, ...call, why: decision.summary });
    }
  }
  return { calls, permitted, misuse, denied, broken, missed };
}

/** A call is permitted only if each of its elements is. */
function decisionOn(engine: Engine, line: RunLine, { tool, args }: Called, each: Each): Decision {
  const decisions = elementsOf(args, each.get(tool)).map((one) => engine.decide(requestOf(line, { tool, args: one })));
  return (decisions.find(({ effect }) => effect !== 'permit') ?? decisions[0]) as Decision;
}

function requestOf(line: RunLine, { tool, args }: Called): DecisionRequest {
  const { agent: id, job } = line;
  const facts = runFacts(line);
  return {
    principal: { type: 'Agent', id },
    agent: { id, owner: 'bench', version: '1', jobs: [job] },
    credential: { kind: 'dpop', thumbprint: 'bench' },
    run: { ...facts, agent: id, chain: [], scopes: [], opened_at: 0, expires_at: 1, labels: LOWEST_LABEL },
    protocol: 'mcp',
    access: { action: 'tool.call', resource: { type: 'Tool', id: tool }, args },
  };
}
