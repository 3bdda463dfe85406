import type { DecisionRequest } from '../../../core/decision.ts';
import type { JsonObject, JsonValue } from '../../../core/json.ts';
import type { EntityRef, PrincipalType } from '../../../core/principal.ts';
import type { ArgumentRecord, ArgumentType } from '../argument-types.ts';
import type { Registered } from '../catalog.ts';
import { tokenize } from '../cedar/lexer.ts';
import type { PolicySet } from '../policy-set.ts';
import { ACTIONS } from '../vocabulary.ts';
import { evaluate } from './evaluation.ts';

/**
 * Requests that a change must leave alone: each differs from the one that it is for in principal, action or resource. That
 * they do follows from the change's form; this looks whether it is so, and the names that the set itself speaks of are the
 * most likely to tell.
 */
const OTHERS_MAX = 96;
const WORDS_MAX = 24;

export function othersThan(
  refused: readonly DecisionRequest[],
  set: PolicySet,
  registered: Registered,
): DecisionRequest[] {
  const words = wordsOf(set);
  const found: DecisionRequest[] = [];
  const isOne = (one: DecisionRequest): boolean => refused.some((request) => isSame(request, one));
  for (const request of refused) {
    const principals = [request.principal, ...principalsNear(request, words)];
    const accesses = accessesNear(request, words, registered);
    let turn = 0;
    for (const access of accesses) {
      for (const principal of principals) {
        const job = turn % 3 === 2 ? (words[turn % Math.max(1, words.length)] ?? request.run.job) : request.run.job;
        turn += 1;
        const other = asOther(request, principal, access, job);
        if (!isOne(other)) found.push(other);
      }
    }
  }
  return spread(found, OTHERS_MAX);
}

/** How many of them the two sets decide differently. */
export function changedAmong(
  others: readonly DecisionRequest[],
  before: PolicySet,
  after: PolicySet,
  registered: Registered,
): number {
  return others.filter((other) => judged(before, registered, other) !== judged(after, registered, other)).length;
}

function judged(set: PolicySet, registered: Registered, request: DecisionRequest): string {
  const { effect, code, policies, obligations, errors } = evaluate(set, registered, request).decision;
  return JSON.stringify([effect, code, policies, obligations, errors]);
}

function isSame(a: DecisionRequest, b: DecisionRequest): boolean {
  return (
    a.principal.type === b.principal.type &&
    a.principal.id === b.principal.id &&
    a.access.action === b.access.action &&
    a.access.resource.type === b.access.resource.type &&
    a.access.resource.id === b.access.resource.id
  );
}

function asOther(
  request: DecisionRequest,
  principal: DecisionRequest['principal'],
  access: DecisionRequest['access'],
  job: string,
): DecisionRequest {
  const agent = principal.type === 'Agent' ? { ...request.agent, id: principal.id } : request.agent;
  return { ...request, principal, agent, run: { ...request.run, agent: agent.id, job }, access };
}

/** Strings of the policies: names of agents, tools, jobs and values that some clause asks for. */
function wordsOf({ policies }: PolicySet): string[] {
  const words = new Set<string>();
  for (const { source } of spread(policies, WORDS_MAX * 4)) {
    for (const { kind, start, end } of tokenize(source.text)) {
      if (kind === 'string') words.add(source.text.slice(start + 1, end - 1));
    }
  }
  return spread(
    [...words].filter((word) => word.length < 200),
    WORDS_MAX,
  );
}

function principalsNear({ principal }: DecisionRequest, words: readonly string[]): DecisionRequest['principal'][] {
  const type: PrincipalType = principal.type;
  return [`${principal.id}-2`, principal.id.slice(0, -1), ...spread(words, 3)].map((id) => ({ type, id }));
}

function accessesNear(
  { access, principal }: DecisionRequest,
  words: readonly string[],
  registered: Registered,
): DecisionRequest['access'][] {
  const actions = Object.entries(ACTIONS).filter(([, row]) => row.principals.includes(principal.type));
  const siblings = actions
    .filter(([action, row]) => action !== access.action && row.resources.includes(access.resource.type))
    .map(([action]) => ({ ...access, action }));
  return [
    access,
    ...siblings,
    ...resourcesNear(access.resource, words, registered).flatMap((resource) =>
      withArgs(access, resource, words, registered),
    ),
  ];
}

function resourcesNear({ type, id }: EntityRef, words: readonly string[], registered: Registered): EntityRef[] {
  const known = type === 'Tool' || type === 'Prompt' ? registered.entries(type).map(([name]) => name) : [];
  const ids = [
    `${id}2`,
    id.slice(0, -1),
    ...spread(known, 6),
    ...spread(
      words.filter((word) => word.includes('/')),
      3,
    ),
  ];
  return ids.filter((other) => other !== id).map((other) => ({ type, id: other }));
}

/** With the call's own arguments, and with some that the other resource declares. */
function withArgs(
  access: DecisionRequest['access'],
  resource: EntityRef,
  words: readonly string[],
  registered: Registered,
): DecisionRequest['access'][] {
  const record = registered.argumentsOf(access.action, resource);
  return [
    { ...access, resource },
    { ...access, resource, args: madeUp(record, words) },
  ];
}

function madeUp({ fields }: ArgumentRecord, words: readonly string[]): JsonObject {
  const args: JsonObject = {};
  let turn = 0;
  for (const [name, { type, required }] of fields) {
    turn += 1;
    if (required || turn % 2 === 0) args[name] = valueFor(type, words[turn % Math.max(1, words.length)] ?? 'x');
  }
  return args;
}

function valueFor(type: ArgumentType, word: string): JsonValue {
  switch (type.kind) {
    case 'string':
      return word;
    case 'boolean':
      return true;
    case 'long':
      return word.length;
    case 'decimal':
      return 0.5;
    case 'set':
      return [valueFor(type.element, word)];
    case 'record':
      return madeUp(type, [word]);
    case 'opaque':
      return null;
  }
}

/** As many as `most`, evenly from the whole. */
function spread<T>(all: readonly T[], most: number): T[] {
  if (all.length <= most) return [...all];
  return Array.from({ length: most }, (_, at) => all[Math.floor((at * all.length) / most)] as T);
}
