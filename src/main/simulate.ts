import type { Archive } from '../controls/audit/index.ts';
import type { Records } from '../controls/identity/index.ts';
import {
  type PastGrants,
  Simulation,
  type SimulationJob,
  type SimulationProgress,
  type SimulationResult,
  setOfFiles,
} from '../controls/policy/index.ts';
import { isRefusal } from '../core/refusal.ts';
import { readDecisions } from './recorded.ts';

/** Enough for a page to cost more than asking for it, and few enough for memory to stay small. */
const ENTRIES_READ = 2_000;

/** Reads the log from `since` to its end as it is now, and asks both sets about each decision. */
export async function simulate(
  { archive, records, grants }: { archive: Archive; records: Records; grants: PastGrants },
  { candidate, active, since, agent }: SimulationJob,
  progress: (now: SimulationProgress) => void,
): Promise<SimulationResult> {
  const [tried, now] = [setOfFiles(candidate), setOfFiles(active)];
  if (isRefusal(tried)) throw new Error(tried.reason);
  const other = isRefusal(now) || now.digest === tried.digest ? undefined : now;
  const simulation = new Simulation(tried, other, grants);
  const [from, to] = [await archive.indexSince(since), await archive.size()];
  const range = { from, to, time: since, agent: agent ?? undefined, entries: ENTRIES_READ };
  for await (const { decisions, read } of readDecisions(archive, records, range)) {
    for (const recorded of decisions) simulation.take(recorded);
    progress({ read, of: to - from, differences: simulation.differences });
  }
  return simulation.result();
}
