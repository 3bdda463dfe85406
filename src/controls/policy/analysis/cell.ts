import type { DecisionRequest } from '../../../core/decision.ts';
import type { JsonObject, JsonValue } from '../../../core/json.ts';
import { LOWEST_LABEL } from '../../../core/label.ts';
import type { CredentialKind, EntityRef, Principal, Run } from '../../../core/principal.ts';
import type { ArgumentRecord } from '../argument-types.ts';
import { type MappedArguments, mapArguments } from '../argument-values.ts';
import type { Environment } from '../cedar/environment.ts';
import { type Failure, MAYBE_ABSENT, type Result, UNKNOWN } from '../cedar/results.ts';
import { CedarRecord, type Value } from '../cedar/values.ts';
import { createEntityCache, environmentOf, type KnownEntity, requesterOf } from '../environment.ts';
import { ACTIONS } from '../vocabulary.ts';
import { below, nameBelow, type Slot } from './slots.ts';
import type { KnownAgent } from './types.ts';

/** One combination of who, what and on what. Which requests of it are permitted depends on the slots alone. */
export type Cell = {
  principal: Principal;
  agent: KnownAgent;
  action: string;
  resource: EntityRef;
  args: ArgumentRecord;
  /** Whether it is registered; else its name and its arguments were read from policies. */
  registered: boolean;
  /** Whether any job and purpose counts, and not only those that identity grants to the agent. */
  free?: boolean;
};

/** What stands in a slot: nothing, null, or a value as it would be sent. */
export type Option = { kind: 'absent' } | { kind: 'null' } | { kind: 'value'; json: JsonValue };
export type Assignment = ReadonlyMap<string, Option>;

export type Chain = { depth: number; actors: readonly string[] };

/** The whole request that an assignment stands for; what no policy reads is filled with something plain. */
export function requestOf(cell: Cell, assignment: Assignment): DecisionRequest {
  const { principal, agent, action, resource } = cell;
  const { id, owner, version, jobs } = agent;
  const args = ACTIONS[action]?.args === 'declared' ? argumentsOf(cell.args, assignment, 'args') : {};
  return {
    principal,
    agent: { id, owner, version, jobs },
    credential: { kind: credentialOf(cell, assignment), thumbprint: 'witness' },
    run: runOf(cell, assignment),
    protocol: ACTIONS[action]?.protocol ?? 'mcp',
    access: { action, resource, args },
  };
}

function credentialOf({ principal }: Cell, assignment: Assignment): CredentialKind {
  return (
    (textAt(assignment, 'credential.kind') as CredentialKind | undefined) ??
    (principal.type === 'Agent' ? 'dpop' : 'child')
  );
}

function runOf({ agent }: Cell, assignment: Assignment): Run {
  const name = textAt(assignment, 'run.subject.name');
  const id = textAt(assignment, 'run.subject.id');
  const named = name !== undefined || id !== undefined;
  const present = assignment.get('run.subject')?.kind !== 'absent' && (named || assignment.has('run.subject'));
  return {
    id: textAt(assignment, 'run.id') ?? 'run_witness',
    agent: agent.id,
    job: textAt(assignment, 'run.job') ?? agent.jobs[0] ?? 'work',
    opened_by: textAt(assignment, 'run.opened_by') ?? agent.id,
    purpose: textAt(assignment, 'run.purpose') ?? null,
    subject: present ? { id: id ?? `usr_${name ?? 'somebody'}`, name: name ?? 'somebody' } : null,
    chain: linksOf(chainAt(assignment)),
    scopes: [],
    opened_at: 0,
    expires_at: 0,
    labels: LOWEST_LABEL,
  };
}

const LINK = { generation: 1, run: 'run_witness', grant: 'dlg_witness', scope_digest: '', expires_at: 0 };

/** As many links as the depth says; the last is the agent that acts. */
function linksOf({ depth, actors }: Chain): Run['chain'] {
  const last = actors.at(-1);
  if (last === undefined) return [];
  const others = actors.slice(0, -1);
  const padded = [...new Array<string>(Math.max(0, depth - actors.length)).fill(others[0] ?? last), ...others, last];
  return padded.map((actor) => ({ ...LINK, actor }));
}

export function chainAt(assignment: Assignment): Chain {
  const option = assignment.get('chain');
  return option?.kind === 'value' ? (option.json as unknown as Chain) : { depth: 0, actors: [] };
}

function textAt(assignment: Assignment, key: string): string | undefined {
  const option = assignment.get(key);
  return option?.kind === 'value' && typeof option.json === 'string' ? option.json : undefined;
}

function argumentsOf(record: ArgumentRecord, assignment: Assignment, prefix: string): JsonObject {
  const args: JsonObject = {};
  for (const [name, { type, required, nullable }] of record.fields) {
    const key = below(prefix, name);
    const option = assignment.get(key);
    if (option?.kind === 'null') args[name] = null;
    else if (option?.kind === 'absent') continue;
    else if (type.kind === 'record') {
      const inside = argumentsOf(type, assignment, key);
      if (required || option !== undefined || Object.keys(inside).length > 0) args[name] = inside;
    } else if (option !== undefined) args[name] = option.json;
    else if (required) args[name] = nullable ? null : plainValue(type.kind);
  }
  for (const [key, option] of assignment) {
    const name = nameBelow(prefix, key);
    if (name !== undefined && !record.fields.has(name) && option.kind === 'value') args[name] = option.json;
  }
  return args;
}

function plainValue(kind: ArgumentRecord['kind'] | string): JsonValue {
  if (kind === 'string') return 'x';
  if (kind === 'boolean') return false;
  if (kind === 'long' || kind === 'decimal') return 0;
  return kind === 'set' ? [] : {};
}

const entityOf = createEntityCache();

/** What policies see of a cell while some slots are still open: an open slot is unknown, or not known to be there. */
export function environmentFor(cell: Cell, slots: readonly Slot[], assignment: Assignment): Environment {
  const request = requestOf(cell, assignment);
  const open = slots.filter(({ key }) => !assignment.has(key));
  const requester = requesterOf(request, entityOf);
  const resource: KnownEntity = entityOf(cell.resource);
  if (open.length === 0) {
    const mapped = mapArguments(request.access.args, cell.args);
    if (!('message' in mapped)) return environmentOf(requester, cell.action, resource, mapped as MappedArguments);
  }
  const whole = environmentOf(requester, cell.action, resource, undefined);
  const context = whole.context as CedarRecord;
  const fields = new Map<string, Result>(context.fields);
  const openKeys = new Set(open.map(({ key }) => key));
  fields.set('args', partialRecord(cell.args, slots, assignment, 'args'));
  fields.set('run', partialRun(context.fields.get('run') as CedarRecord, openKeys));
  if (openKeys.has('chain')) fields.set('chain', UNKNOWN);
  if (openKeys.has('credential.kind')) fields.set('credential', new CedarRecord(new Map([['kind', UNKNOWN]])));
  return { ...whole, context: new CedarRecord(fields, UNKNOWN) };
}

function partialRun(run: CedarRecord, open: ReadonlySet<string>): CedarRecord {
  const fields = new Map<string, Result>(run.fields);
  for (const name of ['id', 'job', 'opened_by']) if (open.has(`run.${name}`)) fields.set(name, UNKNOWN);
  if (open.has('run.purpose')) fields.set('purpose', MAYBE_ABSENT);
  if (open.has('run.subject')) fields.set('subject', MAYBE_ABSENT);
  const subject = fields.get('subject');
  if (subject instanceof CedarRecord && (open.has('run.subject.id') || open.has('run.subject.name'))) {
    const inside = new Map<string, Result>(subject.fields);
    for (const name of ['id', 'name']) if (open.has(`run.subject.${name}`)) inside.set(name, UNKNOWN);
    fields.set('subject', new CedarRecord(inside, UNKNOWN));
  }
  return new CedarRecord(fields, UNKNOWN);
}

/** Of these, whatever is sent can be read: a decimal may have too many places. */
const READABLE: ReadonlySet<string> = new Set(['string', 'long', 'boolean', 'record']);

function partialRecord(
  record: ArgumentRecord,
  slots: readonly Slot[],
  assignment: Assignment,
  prefix: string,
): CedarRecord {
  const fields = new Map<string, Result>();
  for (const [name, field] of record.fields) {
    const key = below(prefix, name);
    const option = assignment.get(key);
    const certain = field.required && !field.nullable && READABLE.has(field.type.kind);
    if (option?.kind === 'absent' || option?.kind === 'null') continue;
    if (field.type.kind === 'record' && (certain || option !== undefined)) {
      fields.set(name, partialRecord(field.type, slots, assignment, key));
    } else if (option === undefined) fields.set(name, certain ? UNKNOWN : MAYBE_ABSENT);
    else {
      const value = mappedValue(name, option.json, record);
      if (value !== undefined) fields.set(name, value);
    }
  }
  for (const { key } of slots) {
    const name = nameBelow(prefix, key);
    if (name === undefined || record.fields.has(name)) continue;
    const option = assignment.get(key);
    if (option === undefined) fields.set(name, MAYBE_ABSENT);
    else if (option.kind === 'value') {
      const value = mappedValue(name, option.json, record);
      if (value !== undefined) fields.set(name, value);
    }
  }
  return new CedarRecord(fields, UNKNOWN);
}

/** As the engine would map it. */
function mappedValue(name: string, json: JsonValue, record: ArgumentRecord): Value | Failure | undefined {
  const field = record.fields.get(name);
  const only: ArgumentRecord = {
    kind: 'record',
    fields: field === undefined ? new Map() : new Map([[name, { ...field, required: false }]]),
    open: true,
  };
  const mapped = mapArguments({ [name]: json }, only);
  return 'message' in mapped ? undefined : (mapped.record.fields.get(name) as Value | Failure | undefined);
}
