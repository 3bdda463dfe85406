import type { ServerCatalog } from '../../../core/manifest.ts';
import { type CaseFile, readCaseFile } from '../case-file.ts';
import { catalogsOf } from '../cases.ts';
import type { PolicyFile } from '../types.ts';
import { FULFILLABLE } from '../vocabulary.ts';
import type { Registration } from './registration.ts';
import type { KnownAgent } from './types.ts';

/** An agent as sallyport.yaml declares it. */
export type DeclaredAgent = { owner: string; version?: string; jobs: readonly string[]; purposes?: readonly string[] };

/**
 * What there is, where no gateway runs: the agents of sallyport.yaml, and the agents and tools that the cases beside the
 * policies tell of. Cases that bring policies of their own are about another world.
 */
export function offlineRegistration(
  caseFiles: readonly PolicyFile[],
  declared: Readonly<Record<string, DeclaredAgent>>,
  servers: readonly string[] = [],
): Registration {
  const cases = caseFiles
    .map(readCaseFile)
    .filter((file): file is CaseFile => !Array.isArray(file))
    .filter(({ policies }) => policies === undefined);
  const agents = new Map<string, KnownAgent>();
  for (const file of cases)
    for (const agent of agentsOf(file)) agents.set(agent.id, joined(agents.get(agent.id), agent));
  for (const [id, agent] of Object.entries(declared)) {
    const { owner, version = '1', jobs, purposes = [] } = agent;
    agents.set(id, joined(agents.get(id), { id, owner, version, jobs, purposes }));
  }
  return {
    agents: [...agents.values()],
    catalogs: mergedCatalogs(cases),
    servers,
    complete: false,
    fulfillable: FULFILLABLE,
  };
}

/** A case that names nobody is about the first agent. Purposes are known where a case has one. */
function agentsOf({ agents, cases }: CaseFile): KnownAgent[] {
  const [first] = Object.keys(agents);
  return Object.entries(agents).map(([id, agent]) => {
    const purposes = cases.filter((one) => (one.as ?? first) === id).flatMap(({ purpose }) => purpose ?? []);
    return { id, ...agent, purposes: purposes.length === 0 ? undefined : [...new Set(purposes)] };
  });
}

function joined(known: KnownAgent | undefined, agent: KnownAgent): KnownAgent {
  const jobs = [...new Set([...(known?.jobs ?? []), ...agent.jobs])];
  const purposes = [...new Set([...(known?.purposes ?? []), ...(agent.purposes ?? [])])];
  const none = known?.purposes === undefined && agent.purposes === undefined;
  return { ...agent, jobs, purposes: none ? undefined : purposes };
}

/** A tool that two files describe is as the first one says. */
function mergedCatalogs(cases: readonly CaseFile[]): ServerCatalog[] {
  const servers = new Map<string, ServerCatalog>();
  for (const catalog of cases.flatMap(catalogsOf)) {
    const known = servers.get(catalog.server);
    const fresh = <T extends { name: string }>(old: readonly T[], more: readonly T[]): T[] => [
      ...old,
      ...more.filter(({ name }) => !old.some((one) => one.name === name)),
    ];
    servers.set(
      catalog.server,
      known === undefined
        ? catalog
        : { ...known, tools: fresh(known.tools, catalog.tools), prompts: fresh(known.prompts, catalog.prompts) },
    );
  }
  return [...servers.values()];
}
