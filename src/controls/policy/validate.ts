import * as cedar from '@cedar-policy/cedar-wasm/nodejs';
import { actionsOf } from './annotations.ts';
import { type ArgumentRecord, countFields } from './argument-types.ts';
import type { Registered } from './catalog.ts';
import type { CedarJson } from './cedar/json-values.ts';
import { type Constraint, readConstraint } from './cedar/scope.ts';
import { lineStarts, type PolicySource, placeIn, problemOf, unitsOf } from './places.ts';
import { argumentReads } from './reads.ts';
import { type Conflict, cedarSchema, mergeArguments } from './schema.ts';
import type { PolicyText } from './source.ts';
import type { PolicyProblem } from './types.ts';

/**
 * Checks policies against the schema of what is registered, each against the tools that its head can match. Without
 * catalogs (a server is down, a check without a gateway) that part cannot be checked, and the answer says so.
 */
export function validatePolicies(text: PolicyText, registered: Registered): PolicyProblem[] {
  return [...validateGroups(text, registered)].flat();
}

/** The same, letting others work between groups: a check of many new heads does not hold up what is being decided. */
export async function validateInTurns(
  text: PolicyText,
  registered: Registered,
  turn: () => Promise<void>,
): Promise<PolicyProblem[]> {
  const problems: PolicyProblem[] = [];
  for (const found of validateGroups(text, registered)) {
    problems.push(...found);
    await turn();
  }
  return problems;
}

function* validateGroups(text: PolicyText, registered: Registered): Generator<readonly PolicyProblem[]> {
  if (registered.servers.size === 0) yield nothingRegistered(text);
  const sound = SOUND.get(registered) ?? new WeakSet();
  SOUND.set(registered, sound);
  const unchecked = text.policies.filter(({ json }) => !sound.has(json));
  for (const group of groupByReach(unchecked, registered).values()) {
    const found = validateGroup(group, text);
    if (found.length === 0) for (const { json } of group.policies) sound.add(json);
    yield found;
  }
}

/** Policies in which nothing was found, against what is registered: another set with them need not ask again. */
const SOUND = new WeakMap<Registered, WeakSet<PolicySource['json']>>();

/** One warning for all of them: it is no policy's fault. */
function nothingRegistered({ policies }: PolicyText): PolicyProblem[] {
  const unread = policies.filter(readsCatalog);
  const [first] = unread;
  if (first === undefined) return [];
  const count = unread.length === 1 ? 'one policy reads' : `${unread.length} policies read`;
  const message = `no server is registered here, so the arguments that ${count} could not be checked`;
  return [problemOf(first, message, 'A running gateway checks them against the tools of its servers.', 'warning')];
}

type Named = readonly [string, ArgumentRecord];
/** `missing`: what the head names and nobody has registered; '' where nothing at all is. */
type Reach = { tools: readonly Named[]; prompts: readonly Named[]; missing: string | undefined };
type Group = { reach: Reach; policies: PolicySource[] };

/** Policies that can match the same tools and prompts are checked in one call: a set has few different heads. */
function groupByReach(policies: readonly PolicySource[], registered: Registered): Map<string, Group> {
  const groups = new Map<string, Group>();
  for (const policy of policies) {
    const constraint = readConstraint(policy.json.resource as CedarJson);
    const key = describeConstraint(constraint);
    const group = groups.get(key) ?? { reach: reachOf(constraint, registered), policies: [] };
    group.policies.push(policy);
    groups.set(key, group);
  }
  return groups;
}

function describeConstraint(constraint: Constraint): string {
  switch (constraint.kind) {
    case 'any':
      return '';
    case 'equals':
      return `=${constraint.entity.key}`;
    case 'within':
      return `<${constraint.entities.map((entity) => entity.key).join()}`;
    case 'is':
      return `:${constraint.type}<${constraint.within?.key ?? ''}`;
  }
}

function reachOf(constraint: Constraint, registered: Registered): Reach {
  const within = constraint.kind === 'is' ? constraint.within : undefined;
  const servers = constraint.kind === 'within' ? constraint.entities : within === undefined ? undefined : [within];
  const matches = (type: string, id: string): boolean => {
    if (constraint.kind === 'equals') return constraint.entity.type === type && constraint.entity.id === id;
    if (constraint.kind === 'is' && constraint.type !== type) return false;
    return servers?.some((server) => server.type === 'Server' && id.startsWith(`${server.id}/`)) ?? true;
  };
  const reach = (type: 'Tool' | 'Prompt'): Named[] => registered.entries(type).filter(([id]) => matches(type, id));
  return { tools: reach('Tool'), prompts: reach('Prompt'), missing: missingFrom(constraint, registered) };
}

function missingFrom(constraint: Constraint, registered: Registered): string | undefined {
  if (registered.servers.size === 0) return '';
  const within = constraint.kind === 'is' && constraint.within !== undefined ? [constraint.within] : [];
  const named = constraint.kind === 'within' ? constraint.entities : within;
  const server = named.find(({ type, id }) => type === 'Server' && !registered.servers.has(id));
  if (server !== undefined) return `the server ${server.id}`;
  if (constraint.kind !== 'equals') return undefined;
  const { type, id } = constraint.entity;
  if (type === 'Tool' || type === 'Prompt') {
    return registered.entries(type).some(([known]) => known === id) ? undefined : `the ${type.toLowerCase()} ${id}`;
  }
  return type === 'Server' && !registered.servers.has(id) ? `the server ${id}` : undefined;
}

/** Upstreams write their schemas, and all that a head reaches is checked at once, while nothing else runs. */
const FIELDS_MAX = 20_000;

function validateGroup({ reach, policies }: Group, text: PolicyText): PolicyProblem[] {
  const fields = [...reach.tools, ...reach.prompts].reduce((sum, [, record]) => sum + countFields(record), 0);
  if (fields > FIELDS_MAX) return policies.map((policy) => tooMany(policy, fields));
  const tools = mergeArguments(reach.tools);
  const prompts = mergeArguments(reach.prompts);
  const schema = cedarSchema({ 'tool.call': tools.attributes, 'prompt.get': prompts.attributes });
  const problems: PolicyProblem[] = [];
  const checkable: PolicySource[] = [];
  for (const policy of policies) {
    const conflict = conflictIn(policy, tools.conflicts, prompts.conflicts);
    if (conflict !== undefined) problems.push(problemOf(policy, conflict.message));
    else if (reach.missing === undefined || !readsCatalog(policy)) checkable.push(policy);
    else if (reach.missing !== '') problems.push(unchecked(policy, reach.missing));
  }
  return [...problems, ...askCedar(checkable, schema, text)];
}

/** Only what the policy's actions can bring: a prompt's arguments do not matter to a rule about tools. */
function conflictIn(policy: PolicySource, tools: Conflict[], prompts: Conflict[]): Conflict | undefined {
  const actions = actionsOf(policy);
  const candidates = [
    ...(actions.includes('tool.call') ? tools : []),
    ...(actions.includes('prompt.get') ? prompts : []),
  ];
  const { paths } = argumentReads(policy);
  return candidates.find(({ path }) => paths.some((read) => isWithin(path, read.join('.'))));
}

function isWithin(conflict: string, read: string): boolean {
  return read === conflict || read.startsWith(`${conflict}.`);
}

function readsCatalog(policy: PolicySource): boolean {
  const reads = argumentReads(policy);
  const catalogActions = actionsOf(policy).some((action) => action === 'tool.call' || action === 'prompt.get');
  return catalogActions && (reads.whole || reads.paths.length > 0);
}

function tooMany(policy: PolicySource, fields: number): PolicyProblem {
  const message = `the policy's head reaches tools with ${fields} arguments, more than are checked together`;
  return problemOf(policy, message, 'Name one server or tool in the head. It is enforced all the same.', 'warning');
}

function unchecked(policy: PolicySource, missing: string): PolicyProblem {
  const message = `${missing} is not registered now, so the arguments that the policy reads could not be checked`;
  return problemOf(policy, message, 'It is enforced all the same.', 'warning');
}

function askCedar(policies: readonly PolicySource[], schema: cedar.Schema, text: PolicyText): PolicyProblem[] {
  if (policies.length === 0) return [];
  // By ordinal and not by id: ids may be missing or taken twice, which is reported elsewhere.
  const staticPolicies = Object.fromEntries(policies.map((policy, at) => [`p${at}`, policy.text]));
  const answer = cedar.validate({ schema, policies: { staticPolicies }, validationSettings: { mode: 'strict' } });
  // The policies parse, so it is the schema, and that is an upstream's: no reason to keep the operator's edit back.
  if (answer.type === 'failure') return policies.map((policy) => unreadableSchema(policy, answer.errors));
  const place =
    (severity: PolicyProblem['severity']) =>
    (found: cedar.ValidationError): PolicyProblem => {
      const policy = policies[Number(found.policyId.slice(1))] as PolicySource;
      return validationProblem(policy, found.error, severity, text);
    };
  return [...answer.validationErrors.map(place('error')), ...answer.validationWarnings.map(place('warning'))];
}

function unreadableSchema(policy: PolicySource, errors: readonly cedar.DetailedError[]): PolicyProblem {
  const message = `the schemas of the tools in the policy's head could not be read: ${errors[0]?.message ?? 'no reason given'}`;
  return problemOf(policy, message, 'It is enforced all the same.', 'warning');
}

function validationProblem(
  policy: PolicySource,
  error: cedar.DetailedError,
  severity: PolicyProblem['severity'],
  text: PolicyText,
): PolicyProblem {
  const file = text.files.find(({ name }) => name === policy.file);
  const offset = policy.offset + unitsOf(policy.text, error.sourceLocations?.[0]?.start ?? 0);
  const place = placeIn(lineStarts(file?.text ?? ''), offset);
  const message = error.message.replace(/^for policy `[^`]*`, /, '');
  return { severity, file: policy.file, ...place, policy: policy.id, message, help: error.help ?? undefined };
}
