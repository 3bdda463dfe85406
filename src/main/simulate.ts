import type { Archive } from '../controls/audit/index.ts';
import type { Records } from '../controls/identity/index.ts';
import {
  type Decided,
  differsBeside,
  effectOf,
  type PastGrants,
  ranBeside,
  Simulation,
  type SimulationJob,
  type SimulationProgress,
  type SimulationResult,
  setOfFiles,
} from '../controls/policy/index.ts';
import { isRefusal } from '../core/refusal.ts';
import { readDecisions } from './recorded.ts';

/** Enough for a page to cost more than asking for it, and few enough to be forgotten before the next garbage collection. */
const ENTRIES_READ = 300;
/** Between two words on how far it is. */
const ENTRIES_TOLD = 5_000;

/** Reads the log from `since` to its end as it is now, and asks both sets about each decision. */
export async function simulate(
  { archive, records, grants }: { archive: Archive; records: Records; grants: PastGrants },
  { candidate, active, since, agent, beside }: SimulationJob,
  progress: (now: SimulationProgress) => void,
): Promise<SimulationResult> {
  const [tried, now] = [setOfFiles(candidate), setOfFiles(active)];
  if (isRefusal(tried)) throw new Error(tried.reason);
  const other = isRefusal(now) || now.digest === tried.digest ? undefined : now;
  const simulation = new Simulation(tried, other, grants);
  const [from, to] = [await archive.indexSince(since), await archive.size()];
  let compared = 0;
  let told = 0;
  const wanted = (decided: Decided): boolean => {
    if (agent !== null && decided.agent.id !== agent) return false;
    if (!beside) return true;
    if (ranBeside(decided.policy.shadow, tried.digest)) compared += 1;
    return differsBeside(decided.policy.shadow, tried.digest, effectOf(decided));
  };
  const range = { from, to, time: since, wanted, entries: ENTRIES_READ };
  for await (const { decisions, read } of readDecisions(archive, records, range)) {
    for (const recorded of decisions) simulation.take(recorded);
    if (read - told < ENTRIES_TOLD && read < to - from) continue;
    told = read;
    progress({ read, of: to - from, differences: simulation.differences });
  }
  const result = simulation.result();
  return beside ? { ...result, decisions: compared, unchanged: compared - simulation.differences } : result;
}
