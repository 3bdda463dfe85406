import type { Config } from '../config/index.ts';
import { type AgentEntry, type Agents, registeredThumbprint } from '../controls/identity/index.ts';
import { isRefusal } from '../core/refusal.ts';
import type { Faults } from './faults.ts';

type Declared = Config['agents'][string];

/** Registers the agents of the configuration. One that stands there otherwise is registered anew: its credentials end. */
export async function declareAgents(agents: Agents, declared: Config['agents'], faults: Faults): Promise<void> {
  for (const [id, agent] of Object.entries(declared)) {
    const known = agents.get(id);
    if (known && isSame(known, agent)) continue;
    if (known) await agents.remove(id, 'gateway');
    const added = await agents.add({ id, ...withoutAbsent(agent) }, 'gateway');
    if (isRefusal(added)) {
      faults.set(
        `agent_${id}`,
        `The agent ${id} of the configuration could not be registered: ${added.reason}`,
        'Mend it in sallyport.yaml.',
      );
    } else faults.clear(`agent_${id}`);
  }
}

function withoutAbsent({ owner, jobs, purposes, for_users: users, version, public_key }: Declared) {
  return { owner, jobs, purposes, users, version, ...(public_key === undefined ? {} : { public_key }) };
}

/** A key is compared where one is declared: without one the agent's key is of the gateway's making. */
function isSame(known: AgentEntry, declared: Declared): boolean {
  return (
    known.owner === declared.owner &&
    known.version === declared.version &&
    (declared.public_key === undefined || known.key === registeredThumbprint(declared.public_key)) &&
    isSameSet(known.jobs, declared.jobs) &&
    isSameSet(known.purposes, declared.purposes) &&
    isSameSet(known.users, declared.for_users)
  );
}

function isSameSet(known: readonly string[], declared: readonly string[]): boolean {
  const names = new Set(declared);
  return known.length === names.size && known.every((name) => names.has(name));
}
