import * as cedar from '@cedar-policy/cedar-wasm/nodejs';
import { asObject, type CedarJson, isArray } from '../cedar/json-values.ts';
import { Uncompilable } from '../cedar/literals.ts';
import { readConstraint } from '../cedar/scope.ts';
import type { PolicyListing } from '../types.ts';
import { type AgentJob, type Seen, usedBy } from './seen.ts';

/** A permit that this agent could have used in this job, and did not. */
export type UnusedPermit = {
  policy: string;
  file: string;
  line: number;
  /** By anybody; null where nobody used it within what was read. */
  last_used: number | null;
  age_days: number;
  /** It names this agent alone: to take it away touches nobody else. */
  own: boolean;
};

const DAY_MS = 86_400_000;

export function unusedOf(
  { agent, job }: AgentJob,
  listed: readonly PolicyListing[],
  seen: Seen,
  now: number,
): UnusedPermit[] {
  return listed.flatMap((policy): UnusedPermit[] => {
    if (policy.effect !== 'permit' || policy.annotations['shadow'] !== undefined) return [];
    if (seen.last_used_by.has(usedBy(policy.id, agent, job))) return [];
    const reach = reachOf(policy, agent, job);
    if (reach === 'none') return [];
    const last_used = seen.last_used.get(policy.id) ?? null;
    const age_days = Math.floor((now - (last_used ?? seen.read.since)) / DAY_MS);
    return [{ policy: policy.id, file: policy.file, line: policy.line, last_used, age_days, own: reach === 'own' }];
  });
}

/** By the policy's head, and by the job that its conditions name. */
function reachOf({ text }: PolicyListing, agent: string, job: string): 'own' | 'shared' | 'none' {
  const answer = cedar.policyToJson(text);
  if (answer.type === 'failure') return 'none';
  const { principal, conditions } = answer.json;
  const jobs = conditions.filter(({ kind }) => kind === 'when').flatMap(({ body }) => jobsIn(body as CedarJson));
  if (jobs.length > 0 && !jobs.includes(job)) return 'none';
  try {
    const head = readConstraint(principal as CedarJson);
    if (head.kind === 'equals') return head.entity.type === 'Agent' && head.entity.id === agent ? 'own' : 'none';
    return head.kind === 'is' && head.type !== 'Agent' ? 'none' : 'shared';
  } catch (error) {
    if (error instanceof Uncompilable) return 'none';
    throw error;
  }
}

/** What `context.run.job` is compared with; none where the policy says nothing of jobs. */
function jobsIn(json: CedarJson): string[] {
  if (typeof json !== 'object') return [];
  if (isArray(json)) return json.flatMap(jobsIn);
  const equal = json['=='];
  if (equal === undefined) return Object.values(json).flatMap(jobsIn);
  const { left, right } = asObject(equal);
  const [job] = [left, right].filter((side) => side !== undefined).flatMap(literalIn);
  return job !== undefined && JSON.stringify(equal).includes('"attr":"job"') ? [job] : [];
}

function literalIn(json: CedarJson): string[] {
  const value = typeof json === 'object' && !isArray(json) ? json['Value'] : undefined;
  return typeof value === 'string' ? [value] : [];
}
