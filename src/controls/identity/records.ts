import type { JsonObject } from '../../core/json.ts';
import { LOWEST_LABEL } from '../../core/label.ts';
import type { AgentFacts, ChainLink, Run } from '../../core/principal.ts';
import type { Scope } from '../../core/scope.ts';
import type { Sql } from '../../storage/index.ts';
import { BoundedMap } from './bounded-map.ts';
import { linksOf, type Verified } from './delegation/chain.ts';
import { hopAsSigned } from './delegation/hop.ts';
import { loadHop } from './delegation/store.ts';
import { definitionOf } from './manifests/store.ts';
import { loadRegistrations, type Registration } from './store/agents.ts';
import { loadRunEntry } from './store/runs.ts';

type Found<T> = T | undefined | Promise<T | undefined>;

/**
 * What identity established about a call, found again by what its receipt names. Rows that these read are never changed and
 * never forgotten, so a receipt need not hold them.
 */
export interface Records {
  /** An agent as it was registered under this version of the state. */
  agent(id: string, state_version: number): Found<AgentFacts>;
  /** As it was opened, with what every hop of its delegation lent; its labels are the receipt's to say. */
  run(id: string): Found<Run>;
  /** A tool's or prompt's definition by the digest under which it was pinned. */
  definition(digest: string): Found<JsonObject>;
}

const AGENTS_MAX = 10_000;
const RUNS_MAX = 50_000;
const DEFINITIONS_MAX = 5_000;
const HOPS_MAX = 32;

/** For one reading of the log: what it has read it keeps, and what is registered meanwhile it does not see. */
export function openRecords(db: Sql): Records {
  const agents = remembering(AGENTS_MAX, (id) => loadRegistrations(db, id));
  const runs = remembering(RUNS_MAX, (id) => pastRun(db, id));
  const definitions = remembering(DEFINITIONS_MAX, async (digest) => (await definitionOf(db, digest)) ?? undefined);
  return {
    agent(id, state_version) {
      const known = agents(id);
      return known instanceof Promise
        ? known.then((all) => registeredAt(all, state_version))
        : registeredAt(known, state_version);
    },
    run: runs,
    definition: definitions,
  };
}

function registeredAt(all: readonly Registration[] = [], state_version: number): AgentFacts | undefined {
  return all.findLast((one) => one.state_version <= state_version)?.facts;
}

async function pastRun(db: Sql, id: string): Promise<Run | undefined> {
  const entry = await loadRunEntry(db, id);
  if (entry === undefined) return undefined;
  const { ended_at: _ended, delegation, ...run } = entry;
  const lent = delegation === null ? { chain: [], scopes: [] } : await pastChain(db, delegation);
  return lent && { ...run, ...lent, labels: LOWEST_LABEL };
}

async function pastChain(
  db: Sql,
  grant: string,
): Promise<{ chain: readonly ChainLink[]; scopes: readonly Scope[] } | undefined> {
  const hops: Verified[] = [];
  for (let next: string | null = grant; next !== null; ) {
    const stored = await loadHop(db, next);
    const hop = stored && hopAsSigned(stored.signed);
    if (stored === undefined || hop === undefined || hops.length === HOPS_MAX) return undefined;
    hops.unshift({ hop, stored });
    next = stored.parent;
  }
  return { chain: linksOf(hops), scopes: hops.map(({ hop }) => hop.scope) };
}

/** At once where it was asked for before: a wait costs a turn of the queue. What is not there is asked for again. */
function remembering<T>(size_max: number, load: (key: string) => Promise<T | undefined>): (key: string) => Found<T> {
  const known = new BoundedMap<string, T>(size_max);
  return (key) => {
    const found = known.get(key);
    if (found !== undefined) return found;
    return load(key).then((loaded) => {
      if (loaded !== undefined) known.set(key, loaded);
      return loaded;
    });
  };
}
