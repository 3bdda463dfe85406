import { type ChildProcess, fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { type Client, createClient } from '../../src/api/client/index.ts';
import { socketTransport } from '../../src/api/client/socket.ts';
import { AgentClient, type AgentKey } from '../../test/support/agent-client.ts';
import { freePort } from '../../test/support/world.ts';

/** A process that answers `usage` on its IPC channel. */
export type Measured = {
  url: string;
  child: ChildProcess;
  usage(): Promise<{ cpu_us: number; rss: number }>;
};

export type GatewayWorld = {
  folder: string;
  upstream: string;
  passthrough: Measured;
  gateway: Measured;
  local: Client;
  agents: AgentClient[];
  bearers: string[];
  /** Ends the gateway, so that its log is whole. */
  stopGateway(): Promise<void>;
  close(): Promise<void>;
};

const HERE = (path: string) => fileURLToPath(new URL(path, import.meta.url));

/** Real processes: an upstream that costs almost nothing, a pass-through, a gateway with many policies and agents. */
export async function openGatewayWorld(from: { agents: number; policies: number }): Promise<GatewayWorld> {
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-bench-'));
  const upstream = spawn(process.execPath, [HERE('../../test/fixtures/mcp/journal.ts'), 'http'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [address] = (await once(createInterface({ input: upstream.stdout }), 'line')) as [string];
  const passthrough = await start(HERE('passthrough.ts'), address);
  writeConfig(folder, address, from.policies, await freePort(), await freePort());
  const gateway = await start(HERE('gateway.ts'), join(folder, 'sallyport.yaml'));
  const local = createClient(socketTransport(join(folder, '.sallyport', 'control.sock')), 'bench');
  const agents: AgentClient[] = [];
  const bearers: string[] = [];
  for (let at = 0; at < from.agents; at += 1) {
    const { agent, bearer } = await enrol(local, gateway.url, `agent-${at}`);
    agents.push(agent);
    bearers.push(bearer);
  }
  const stopGateway = async () => {
    if (gateway.child.exitCode !== null) return;
    gateway.child.send('stop');
    await once(gateway.child, 'exit');
  };
  return {
    folder,
    upstream: address,
    passthrough,
    gateway,
    local,
    agents,
    bearers,
    stopGateway,
    async close() {
      await stopGateway();
      passthrough.child.kill();
      upstream.kill();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** A gateway process of its own, configured by the file. */
export function startGatewayProcess(config: string): Promise<Measured> {
  return start(HERE('gateway.ts'), config);
}

async function start(script: string, argument: string): Promise<Measured> {
  const child = fork(script, [argument], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  const [{ url }] = (await once(child, 'message')) as [{ url: string }];
  return {
    url,
    child,
    async usage() {
      child.send('usage');
      const [used] = (await once(child, 'message')) as [{ cpu_us: number; rss: number }];
      return used;
    },
  };
}

async function enrol(local: Client, issuer: string, id: string): Promise<{ agent: AgentClient; bearer: string }> {
  const added = await local.call('agents.add', { body: { id, owner: 'bench', jobs: ['bench'] } });
  if (added.kind !== 'ok') throw new Error(JSON.stringify(added));
  const issued = await local.call('tokens.issue', { body: { agent: id, job: 'bench', days: 1 } });
  if (issued.kind !== 'ok') throw new Error(JSON.stringify(issued));
  const key = added.value.private_key as unknown as AgentKey;
  return {
    agent: await AgentClient.open({ issuer, agent: id, key, job: 'bench' }),
    bearer: issued.value.secret,
  };
}

function writeConfig(folder: string, upstream: string, policies: number, agents: number, people: number): void {
  mkdirSync(join(folder, 'policies'));
  writeFileSync(join(folder, 'policies', 'bench.cedar'), policyTexts(policies).join('\n'));
  writeFileSync(
    join(folder, 'sallyport.yaml'),
    `listen: { agents: "127.0.0.1:${agents}", people: "127.0.0.1:${people}" }
tools: { first_use: trust }
upstreams:
  journal: { url: "${upstream}", shared: true, tools: { read_text: { effect: read, arguments: { path: path } } } }
`,
  );
}

/** One that the calls meet, the others for agents, tools and arguments of all kinds. */
function policyTexts(count: number): string[] {
  const reads = `@id("reads") @reason("Reports may be read.") @public("Paths below reports/ may be read.")
permit (principal, action == Action::"tool.call", resource == Tool::"journal/read_text")
when { context.args.path like "reports/*" && context.run.job == "bench" };`;
  const others = Array.from({ length: count - 1 }, (_, at) =>
    at % 2 === 0
      ? `@id("other-${at}") @reason("Another agent.")
permit (principal == Agent::"other-${at}", action == Action::"tool.call", resource == Tool::"journal/read_text")
when { context.args.path like "elsewhere-${at}/*" };`
      : `@id("never-${at}") @reason("Never this line.")
forbid (principal, action == Action::"tool.call", resource == Tool::"journal/append")
when { context.args.line == "forbidden ${at}" };`,
  );
  return [reads, ...others];
}
