import { join } from 'node:path';
import type { Config } from '../config/index.ts';
import type { Spiffe } from '../controls/identity/index.ts';
import type { AgentsDoorParts } from './agents-door.ts';
import { openAgentsTlsDoor } from './agents-tls-door.ts';
import type { Faults } from './faults.ts';
import { closeServer, listen } from './listen.ts';
import { makeSocketsFolder, openWorkloadDoor } from './workload-door.ts';

export type SpiffeDoorsParts = {
  config: Config;
  spiffe: Spiffe | undefined;
  faults: Faults;
  /** The agents' port, which the TLS listener is once more. */
  door: AgentsDoorParts;
};

/** What a trust domain adds: the agents' port over mutual TLS, and the sockets of workloads on this machine. */
export async function openSpiffeDoors(
  { config, spiffe, faults, door }: SpiffeDoorsParts,
  stack: AsyncDisposableStack,
): Promise<{ agents_mtls_url: string | undefined }> {
  if (spiffe === undefined) return { agents_mtls_url: undefined };
  await openSockets(config, spiffe, faults, stack);
  const address = config.listen.agents_mtls;
  if (address === undefined) return { agents_mtls_url: undefined };
  const { server, close } = openAgentsTlsDoor({
    ...door,
    credentials: () => spiffe.credentials(),
    onCredentials: (changed) => spiffe.onCredentials(changed),
  });
  stack.defer(close);
  const url = await listen(server, address, 'https');
  stack.defer(() => closeServer(server));
  return { agents_mtls_url: url };
}

async function openSockets(config: Config, spiffe: Spiffe, faults: Faults, stack: AsyncDisposableStack): Promise<void> {
  const settings = config.identity.spiffe;
  const workloads = Object.entries(settings?.workloads ?? {});
  if (workloads.length === 0 || process.platform === 'win32') return;
  const folder = settings?.sockets ?? join(config.data, 'spiffe');
  makeSocketsFolder(folder, settings?.sockets === undefined);
  for (const [name, { agent, job, uid, gid }] of workloads) {
    try {
      const door = await openWorkloadDoor(folder, { name, to: { agent, job }, uid, gid }, spiffe.workloads);
      stack.defer(() => door.close());
    } catch (error) {
      faults.set(
        `workload_${name}`,
        `The workload ${name} has no socket: ${error instanceof Error ? error.message : String(error)}.`,
        'Mend identity.spiffe.workloads and restart; giving a socket to another user needs root.',
      );
    }
  }
}
