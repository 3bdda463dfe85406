import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { type Client, createClient } from '../../src/api/client/index.ts';
import { socketTransport } from '../../src/api/client/socket.ts';
import { createPostgresDatabase } from '../../test/support/databases.ts';
import { freePort } from '../../test/support/world.ts';
import { type Measured, startGatewayProcess } from './gateway-world.ts';
import { LostNotices } from './lost-notices.ts';

/** Two gateway processes over one PostgreSQL, the second behind a network that can lose notifications. */
export type FleetWorld = {
  replicas: readonly [Measured, Measured];
  local: Client;
  database: pg.Client;
  notices: LostNotices;
  /** Registers an agent; its bearer token is good at both. */
  enrol(id: string): Promise<string>;
  close(): Promise<void>;
};

const POLICY = `@id("reads") @reason("Reports may be read.")
permit (principal, action == Action::"tool.call", resource == Tool::"journal/read_text")
when { context.args.path like "reports/*" };`;

export async function openFleetWorld(): Promise<FleetWorld> {
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-fleet-'));
  const created = await createPostgresDatabase();
  const { network, url } = await LostNotices.open(created.url);
  const { upstream, address } = await startUpstream();
  const public_port = await freePort();
  const start = async (name: string, storage: string, port: number) => {
    const own = join(folder, name);
    await configure(own, { storage, port, public_port, upstream: address });
    return startGatewayProcess(join(own, 'sallyport.yaml'));
  };
  const first = await start('one', created.url, public_port);
  cpSync(join(folder, 'one', '.sallyport', 'keys'), join(folder, 'two', '.sallyport', 'keys'), { recursive: true });
  const second = await start('two', url, await freePort());
  const local = createClient(socketTransport(join(folder, 'one', '.sallyport', 'control.sock')), 'bench');
  const database = new pg.Client({ connectionString: created.url });
  await database.connect();
  return {
    replicas: [first, second],
    local,
    database,
    notices: network,
    enrol: (id) => enrol(local, id),
    async close() {
      for (const { child } of [first, second]) {
        child.send('stop');
        await once(child, 'exit');
      }
      await database.end();
      network.close();
      upstream.kill();
      await created.drop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function startUpstream(): Promise<{ upstream: ChildProcess; address: string }> {
  const script = fileURLToPath(new URL('../../test/fixtures/mcp/journal.ts', import.meta.url));
  const upstream = spawn(process.execPath, [script, 'http'], { stdio: ['ignore', 'pipe', 'inherit'] });
  // Also where a bench breaks off, which must not leave it behind.
  process.once('exit', () => upstream.kill());
  const [address] = (await once(createInterface({ input: upstream.stdout as NodeJS.ReadableStream }), 'line')) as [
    string,
  ];
  return { upstream, address };
}

async function configure(
  own: string,
  { storage, port, public_port, upstream }: { storage: string; port: number; public_port: number; upstream: string },
): Promise<void> {
  mkdirSync(join(own, 'policies'), { recursive: true });
  writeFileSync(join(own, 'policies', 'bench.cedar'), POLICY);
  writeFileSync(
    join(own, 'sallyport.yaml'),
    `listen: { agents: "127.0.0.1:${port}", people: "127.0.0.1:${await freePort()}", public_url: "http://127.0.0.1:${public_port}" }
policy: { activation: file }
tools: { first_use: trust }
storage: { url: "${storage}" }
upstreams:
  journal: { url: "${upstream}", shared: true, tools: { read_text: { effect: read, arguments: { path: path } } } }
`,
  );
}

async function enrol(local: Client, id: string): Promise<string> {
  const added = await local.call('agents.add', { body: { id, owner: 'bench', jobs: ['bench'] } });
  if (added.kind !== 'ok') throw new Error(JSON.stringify(added));
  const issued = await local.call('tokens.issue', { body: { agent: id, job: 'bench', days: 1 } });
  if (issued.kind !== 'ok') throw new Error(JSON.stringify(issued));
  return issued.value.secret;
}
