import type { Delegation, Run } from '../../api/contract/index.ts';

export type RunState = 'open' | 'ended' | 'expired';

export function stateOf({ ended_at, expires_at }: Run, now: number): RunState {
  if (ended_at !== null) return 'ended';
  return expires_at > now ? 'open' : 'expired';
}

/** Whether a word stands in what a person knows the run by. */
export function matchesRun(run: Run, text: string, nameOf: (by: string) => string): boolean {
  const { id, agent, job, purpose, subject, opened_by } = run;
  const known = [id, agent, job, purpose ?? '', subject ?? '', nameOf(opened_by)].join(' ').toLowerCase();
  return text
    .toLowerCase()
    .split(/\s+/)
    .every((word) => known.includes(word));
}

/** `ann → triage → helper`: from whoever lent first to the agent that acts. */
export function chainWords(hops: readonly Delegation[], subject: string | null): string[] {
  const [first] = hops;
  if (first === undefined) return [];
  const lender = first.lender === null ? [] : [first.lender];
  return [...(subject === null ? [] : [subject]), ...lender, ...hops.map(({ actor }) => actor)];
}

/** The hops to `id`, of those that are listed; undefined where one of them is not there any more. */
export function hopsTo(id: string | null, all: ReadonlyMap<string, Delegation>): Delegation[] | undefined {
  const hops: Delegation[] = [];
  for (let next = id; next !== null; ) {
    const hop = all.get(next);
    if (hop === undefined || hops.includes(hop)) return undefined;
    hops.unshift(hop);
    next = hop.parent;
  }
  return hops;
}
