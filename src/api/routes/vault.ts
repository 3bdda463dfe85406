import type { VaultEntry as HeldEntry } from '../../controls/identity/index.ts';
import { isRefusal, refuse } from '../../core/refusal.ts';
import { Secret } from '../../core/secret.ts';
import type { VaultEntry } from '../contract/index.ts';
import type { Handlers } from '../handler.ts';
import type { ApiPorts } from '../ports.ts';

type VaultOperation = 'vault.list' | 'vault.show' | 'vault.set' | 'vault.rotate' | 'vault.remove';

export function vaultHandlers({ identity: { vault } }: ApiPorts): Pick<Handlers, VaultOperation> {
  return {
    'vault.list': async () => ({
      entries: (await vault.list()).map(describe),
      problem: vault.problem() ?? null,
    }),
    'vault.show': async ({ params }) => {
      const entry = await vault.find(params.name);
      return entry === undefined ? refuse('not_found', `there is no entry ${params.name}`) : describe(entry);
    },
    'vault.set': async ({ body: { secret, ...terms } }, { caller }) => {
      const set = await vault.set(terms, new Secret(secret), caller.by);
      return isRefusal(set) ? set : describe(set);
    },
    'vault.rotate': async ({ params, body }, { caller }) => {
      const rotated = await vault.rotate(params.name, new Secret(body.secret), caller.by);
      return isRefusal(rotated) ? rotated : describe(rotated);
    },
    'vault.remove': async ({ params }, { caller }) => (await vault.remove(params.name, caller.by)) ?? { done: true },
  };
}

function describe(entry: HeldEntry): VaultEntry {
  const { agents, jobs, users, hosts, programs } = entry;
  return {
    ...entry,
    agents: [...agents],
    jobs: [...jobs],
    users: [...users],
    hosts: [...hosts],
    programs: [...programs],
  };
}
