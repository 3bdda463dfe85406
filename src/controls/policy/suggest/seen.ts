import type { Clock } from '../../../core/clock.ts';
import { isJsonObject, type JsonObject } from '../../../core/json.ts';
import type { EntityRef } from '../../../core/principal.ts';
import { type ArgumentRecord, argumentsOf, promptArgumentsOf } from '../argument-types.ts';
import { isReplayable, type RecordedDecision, type RecordedDecisions } from '../recorded.ts';
import { ACTIONS } from '../vocabulary.ts';
import type { Use } from './use.ts';

export type Window = { days: number };
export type AgentJob = { agent: string; job: string };
export type ReadReport = { since: number; until: number; decisions: number; unreadable: number };
export type ReadingParts = { recorded: RecordedDecisions; clock: Pick<Clock, 'now'> };

const DAY_MS = 86_400_000;
/** Of each agent, job and resource, the newest calls are learnt from. */
const CALLS_MAX = 500;
/** What is kept of one job, whoever called. */
const JOB_CALLS_MAX = 60_000;

/** How often something was done, whether or not all of it is kept. */
export type Tally = { calls: number; runs: Set<string>; first_seen: number; last_seen: number; first_receipt: string };

/** What was read: uses in the order of time, what their arguments were mapped by, and who last used which policy. */
export type Seen = {
  uses: readonly Use[];
  /** By agent, job and resource, over all that was read. */
  tallies: ReadonlyMap<string, Tally>;
  types: ReadonlyMap<string, ArgumentRecord>;
  /** By policy: when it last permitted something, to anybody; and to each agent in each job. */
  last_used: ReadonlyMap<string, number>;
  last_used_by: ReadonlyMap<string, number>;
  read: ReadReport;
};

export const keyOf = (action: string, { type, id }: EntityRef): string => JSON.stringify([action, type, id]);
export const usedBy = (policy: string, agent: string, job: string): string => JSON.stringify([policy, agent, job]);

export async function readUses(
  { recorded, clock }: ReadingParts,
  { days }: Window,
  reader: string,
  wanted: (use: Use) => boolean,
): Promise<Seen> {
  const until = clock.now();
  const since = Math.max(0, until - days * DAY_MS);
  const kept = new Map<string, Use[]>();
  const tallies = new Map<string, Tally>();
  const types = new Map<string, ArgumentRecord>();
  const last_used = new Map<string, number>();
  const last_used_by = new Map<string, number>();
  let decisions = 0;
  let unreadable = 0;
  for await (const found of recorded.since(since, reader)) {
    decisions += 1;
    if (!isReplayable(found)) {
      unreadable += 1;
      continue;
    }
    if (!found.forwarded) continue;
    const { agent, run } = found.request;
    for (const policy of found.effect === 'permit' ? found.policies : []) {
      last_used.set(policy, found.time);
      last_used_by.set(usedBy(policy, agent.id, run.job), found.time);
    }
    for (const use of usesOf(found)) {
      if (!wanted(use)) continue;
      keep(kept, use);
      count(tallies, use);
      const type = typeOf(found);
      if (type !== undefined) types.set(keyOf(use.action, use.resource), type);
    }
  }
  const uses = [...kept.values()].flat().sort((a, b) => a.time - b.time);
  const read = { since, until, decisions, unreadable };
  return { uses: uses.slice(-JOB_CALLS_MAX), tallies, types, last_used, last_used_by, read };
}

function usesOf({ receipt, time, request, accesses, discovers }: RecordedDecision): Use[] {
  const { agent, run, principal } = request;
  // A server's request to the agent is the server's use, and what there is may be asked by everybody.
  if (principal.type !== 'Agent' || discovers) return [];
  return accesses
    .filter(
      ({ action, resource }) =>
        ACTIONS[action]?.protocol === 'mcp' && ACTIONS[action]?.resources.includes(resource.type),
    )
    .map(({ action, resource, args }) => ({ agent: agent.id, run, action, resource, args, time, receipt }));
}

export function tallyKey({
  agent,
  run,
  action,
  resource,
}: Pick<Use, 'agent' | 'action' | 'resource'> & { run: { job: string } }): string {
  return JSON.stringify([agent, run.job, action, resource.type, resource.id]);
}

function count(tallies: Map<string, Tally>, use: Use): void {
  const { time, receipt, run } = use;
  const key = tallyKey(use);
  const tally = tallies.get(key) ?? {
    calls: 0,
    runs: new Set(),
    first_seen: time,
    last_seen: time,
    first_receipt: receipt,
  };
  tally.calls += 1;
  tally.runs.add(run.id);
  tally.last_seen = time;
  tallies.set(key, tally);
}

/** The newest calls only, with room to spare so that nothing is moved for each. */
function keep(kept: Map<string, Use[]>, use: Use): void {
  const key = tallyKey(use);
  const list = kept.get(key) ?? [];
  list.push(use);
  kept.set(key, list.length > 2 * CALLS_MAX ? list.slice(-CALLS_MAX) : list);
}

function typeOf({ registered }: RecordedDecision): ArgumentRecord | undefined {
  if (registered === undefined) return undefined;
  const { action, definition, each } = registered;
  if (action === 'prompt.get') return promptArgumentsOf(definition['arguments']);
  const schema = definition['inputSchema'];
  return argumentsOf(isJsonObject(schema) ? schema : ({} satisfies JsonObject), each);
}
