import type { Decision, DecisionRequest } from '../../core/decision.ts';
import { isJsonObject, type JsonObject, type JsonValue } from '../../core/json.ts';
import { LOWEST_LABEL } from '../../core/label.ts';
import type { PromptDefinition, ServerCatalog, ToolDefinition } from '../../core/manifest.ts';
import type { EntityRef, Principal, Run } from '../../core/principal.ts';
import { type CaseFile, type PolicyCase, readCaseFile } from './case-file.ts';
import { createEngine, type Engine } from './engine.ts';
import { createPolicySet } from './policy-set.ts';
import { readPolicies } from './source.ts';
import type { Explanation, PolicyFile, PolicyProblem } from './types.ts';
import { validatePolicies } from './validate.ts';
import { FULFILLABLE } from './vocabulary.ts';

export type CaseResult = {
  file: string;
  line: number;
  it: string;
  passed: boolean;
  /** What was expected and what came, one line for each difference. */
  differences: readonly string[];
  explanation: Explanation;
};

export type CaseRun = { results: readonly CaseResult[]; problems: readonly PolicyProblem[] };

/**
 * Runs the cases of `caseFiles` against the policies that they hold, or else against `policies`.
 * @param registered what a file that declares neither tools nor prompts is about; without it, nothing.
 */
export function testPolicies(
  policies: readonly PolicyFile[],
  caseFiles: readonly PolicyFile[],
  registered: readonly ServerCatalog[] = [],
): CaseRun {
  const results: CaseResult[] = [];
  const problems: PolicyProblem[] = [];
  for (const file of caseFiles) {
    const read = readCaseFile(file);
    if (Array.isArray(read)) {
      problems.push(...read);
      continue;
    }
    const cases = read as CaseFile;
    const engine = engineFor(cases, policies, problems, registered);
    if (engine !== undefined) results.push(...cases.cases.map((one) => runCase(engine, cases, one)));
  }
  return { results, problems };
}

function engineFor(
  cases: CaseFile,
  policies: readonly PolicyFile[],
  problems: PolicyProblem[],
  registered: readonly ServerCatalog[],
): Engine | undefined {
  const files = cases.policies === undefined ? policies : [{ name: cases.name, text: cases.policies }];
  const text = readPolicies(files, FULFILLABLE);
  const each = (server: string, tool: string) => cases.each[`${server}/${tool}`] ?? [];
  const engine = createEngine({ clock: NO_TIME, onDisagreement: NOBODY, report: NOBODY, each }, createPolicySet(text));
  const own = catalogsOf(cases);
  engine.useCatalog(own.length === 0 ? registered : own);
  const found = [...text.problems, ...validatePolicies(text, engine.registered)];
  problems.push(...found);
  return found.some((problem) => problem.severity === 'error') ? undefined : engine;
}

const NOBODY = (): void => {};
/** Nothing is sampled: nobody would hear of it. */
const NO_TIME = { now: () => 0, monotonic: () => 0, after: () => () => {} };

function runCase(engine: Engine, file: CaseFile, one: PolicyCase): CaseResult {
  const request = requestOf(file, one);
  const explanation = explainAll(engine, request, file.each[request.access.resource.id] ?? []);
  const differences = differencesOf(one, explanation.decision);
  if (one.listed !== undefined && engine.visible(request, [request.access])[0] !== one.listed) {
    differences.push(one.listed ? 'a list does not show it' : 'a list shows it');
  }
  return { file: file.name, line: one.line, it: one.it, passed: differences.length === 0, differences, explanation };
}

/** All accesses of a call must be permitted; the first that is not tells why the call is not. */
function explainAll(engine: Engine, request: DecisionRequest, each: readonly string[]): Explanation {
  const [first, ...others] = eachElement(request.access.args, each).map((args) =>
    engine.explain({ ...request, access: { ...request.access, args } }),
  );
  if (first === undefined) return engine.explain(request);
  return [first, ...others].find(({ decision }) => decision.effect !== 'permit') ?? first;
}

function eachElement(args: JsonObject, [name, ...more]: readonly string[]): JsonObject[] {
  if (name === undefined) return [args];
  const { [name]: list, ...rest } = args;
  const here = !Array.isArray(list)
    ? [args]
    : list.length === 0
      ? [rest]
      : list.map((one) => ({ ...rest, [name]: one }));
  return here.flatMap((one) => eachElement(one, more));
}

function differencesOf(one: PolicyCase, decision: Decision): string[] {
  const differences: string[] = [];
  const compare = (what: string, expected: unknown, got: unknown): void => {
    if (expected === undefined || JSON.stringify(expected) === JSON.stringify(got)) return;
    differences.push(`${what}: expected ${JSON.stringify(expected)}, got ${JSON.stringify(got)}`);
  };
  compare('decision', one.expect, decision.effect);
  compare('code', one.code, decision.code);
  compare('because', one.because, decision.policies);
  compare('hints', one.hints, decision.hints);
  compare(
    'errors',
    one.errors,
    decision.errors.map((error) => error.policy),
  );
  compare(
    'obligations',
    one.obligations,
    decision.obligations.map(({ name, value }) => `${name}: ${value}`),
  );
  compare('shadow', one.shadow, Object.fromEntries(decision.shadow.map((each) => [each.policy, each.satisfied])));
  if (differences.length > 0) differences.push(`the engine says: ${decision.summary}`);
  return differences;
}

const CASE_LINK = { generation: 1, run: 'run_case', grant: 'dlg_case', scope_digest: '', expires_at: 0 };

function requestOf(file: CaseFile, one: PolicyCase): DecisionRequest {
  const id = one.as ?? Object.keys(file.agents)[0] ?? 'agent';
  const agent = { id, owner: 'someone', version: '1', jobs: [], ...file.agents[id] };
  const principal: Principal = one.server === undefined ? { type: 'Agent', id } : { type: 'Tool', id: one.server };
  const job = one.job ?? agent.jobs[0] ?? 'work';
  const run: Run = {
    id: 'run_case',
    agent: id,
    job,
    opened_by: id,
    purpose: one.purpose ?? null,
    subject: one.for === undefined ? null : { id: `usr_${one.for}`, name: one.for },
    chain: one.through.map((actor) => ({ ...CASE_LINK, actor })),
    scopes: [],
    opened_at: 0,
    expires_at: 0,
    labels: LOWEST_LABEL,
  };
  const kind = one.server === undefined ? one.credential : 'child';
  const access = { ...askedFor(one), args: one.with };
  return { principal, agent, credential: { kind, thumbprint: 'case' }, run, protocol: 'mcp', access };
}

function askedFor(one: PolicyCase): { action: string; resource: EntityRef } {
  if (one.call !== undefined) return { action: 'tool.call', resource: { type: 'Tool', id: one.call } };
  if (one.read !== undefined) return { action: 'resource.read', resource: { type: 'Resource', id: one.read } };
  if (one.get !== undefined) return { action: 'prompt.get', resource: { type: 'Prompt', id: one.get } };
  const [, type = 'Server', id = ''] = /^(\w+)::(.*)$/s.exec(one.on ?? '') ?? [];
  return { action: one.action ?? '', resource: { type, id: id.replace(/^"(.*)"$/s, '$1') } };
}

/** What the file says that servers offer. */
export function catalogsOf(file: CaseFile): ServerCatalog[] {
  const servers = new Map<string, { tools: ToolDefinition[]; prompts: PromptDefinition[] }>();
  const at = (id: string): { server: string; name: string } => {
    const slash = id.indexOf('/');
    return { server: id.slice(0, slash), name: id.slice(slash + 1) };
  };
  const of = (server: string) => {
    const found = servers.get(server) ?? { tools: [], prompts: [] };
    servers.set(server, found);
    return found;
  };
  for (const [id, schema] of Object.entries(file.tools)) {
    of(at(id).server).tools.push({ ...at(id), inputSchema: schemaOf(schema), raw: {} });
  }
  for (const [id, names] of Object.entries(file.prompts)) {
    const raw = { arguments: names.map((name) => ({ name })) };
    of(at(id).server).prompts.push({ ...at(id), raw });
  }
  return [...servers].map(([server, { tools, prompts }]) => ({
    server,
    tools,
    prompts,
    resources: [],
    templates: [],
    digest: '',
  }));
}

/** `{path: string, limit?: integer}` for the short form; anything with `type: object` is a JSON Schema already. */
function schemaOf(short: JsonObject): JsonObject {
  if (short['type'] === 'object') return short;
  const properties: JsonObject = {};
  const required: string[] = [];
  for (const [key, type] of Object.entries(short)) {
    const name = key.replace(/\?$/, '');
    properties[name] = propertyOf(type);
    if (name === key) required.push(name);
  }
  return { type: 'object', properties, required };
}

function propertyOf(type: JsonValue): JsonObject {
  if (isJsonObject(type)) return type;
  const [, element] = /^(\w+)\[\]$/.exec(String(type)) ?? [];
  return element === undefined ? { type: String(type) } : { type: 'array', items: { type: element } };
}
