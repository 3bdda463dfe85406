import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { type Client, createClient } from '../../src/api/client/index.ts';
import { socketTransport } from '../../src/api/client/socket.ts';
import { freePort } from '../../test/support/world.ts';
import { type Measured, startGatewayProcess } from './gateway-world.ts';

/** Policies of a set beside those that change. */
const OTHERS = 200;

export type ReloadWorld = {
  gateway: Measured;
  local: Client;
  bearer: string;
  /** Makes version `k` the active one, as an edit of the folder; resolves with its digest when it decides. */
  reload(k: number): Promise<string>;
  /** The database, once the gateway has ended. */
  stopGateway(): Promise<string>;
  close(): Promise<void>;
};

/** A gateway over files that count at once, in front of a server with a tool whose argument is decided element by element. */
export async function openReloadWorld(): Promise<ReloadWorld> {
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-reload-'));
  const script = fileURLToPath(new URL('../../test/fixtures/mcp/journal.ts', import.meta.url));
  const upstream = spawn(process.execPath, [script, 'http', '--many'], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [address] = (await once(createInterface({ input: upstream.stdout }), 'line')) as [string];
  mkdirSync(join(folder, 'policies'));
  writeFileSync(join(folder, 'policies', 'others.cedar'), othersText());
  writeFileSync(join(folder, 'policies', 'version.cedar'), versionText(0));
  writeFileSync(join(folder, 'sallyport.yaml'), configText(address, await freePort(), await freePort()));
  const gateway = await startGatewayProcess(join(folder, 'sallyport.yaml'));
  const local = createClient(socketTransport(join(folder, '.sallyport', 'control.sock')), 'bench');
  const added = await local.call('agents.add', { body: { id: 'reader', owner: 'bench', jobs: ['bench'] } });
  if (added.kind !== 'ok') throw new Error(JSON.stringify(added));
  const issued = await local.call('tokens.issue', { body: { agent: 'reader', job: 'bench', days: 1 } });
  if (issued.kind !== 'ok') throw new Error(JSON.stringify(issued));
  const stopGateway = async () => {
    if (gateway.child.exitCode === null) {
      gateway.child.send('stop');
      await once(gateway.child, 'exit');
    }
    return join(folder, '.sallyport', 'sallyport.db');
  };
  return {
    gateway,
    local,
    bearer: issued.value.secret,
    stopGateway,
    async reload(k) {
      const edits = [{ name: 'version.cedar', text: versionText(k) }];
      const body = { edits, reason: `version ${k}`, write_folder: true };
      const done = await local.call('policy.propose', { body });
      if (done.kind !== 'ok' || done.value.kind !== 'active') throw new Error(JSON.stringify(done));
      return done.value.active.set;
    },
    async close() {
      await stopGateway();
      upstream.kill();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/**
 * Two policies for two elements of one call, both of this version: even versions read even/ and other-even/, odd ones odd/
 * and other-odd/. And one tool that a list shows: `append` in even versions, `echo` in odd ones.
 */
function versionText(k: number): string {
  const parity = k % 2 === 0 ? 'even' : 'odd';
  const many = 'permit (principal, action == Action::"tool.call", resource == Tool::"journal/read_many")';
  const shown = k % 2 === 0 ? 'append' : 'echo';
  return `@id("one-${k}") @reason("Version ${k}.")
${many} when { context.args has paths && context.args.paths like "${parity}/*" };
@id("two-${k}") @reason("Version ${k}.")
${many} when { context.args has paths && context.args.paths like "other-${parity}/*" };
@id("shown-${k}") @reason("Version ${k}.")
permit (principal, action == Action::"tool.call", resource == Tool::"journal/${shown}")
when { context.run.job == "bench" };
`;
}

/** One that the calls meet under every version, the others for agents, tools and arguments of all kinds. */
function othersText(): string {
  const reads = `@id("reads") @reason("Reports may be read.")
permit (principal, action == Action::"tool.call", resource == Tool::"journal/read_text")
when { context.args.path like "reports/*" };`;
  const others = Array.from({ length: OTHERS - 1 }, (_, at) =>
    at % 2 === 0
      ? `@id("other-${at}") @reason("Another agent.")
permit (principal == Agent::"other-${at}", action == Action::"tool.call", resource == Tool::"journal/read_text")
when { context.args.path like "elsewhere-${at}/*" };`
      : `@id("never-${at}") @reason("Never this line.")
forbid (principal, action == Action::"tool.call", resource == Tool::"journal/append")
when { context.args.line == "forbidden ${at}" };`,
  );
  return [reads, ...others].join('\n');
}

function configText(upstream: string, agents: number, people: number): string {
  const path = '{ effect: read, arguments: { path: path } }';
  return `listen: { agents: "127.0.0.1:${agents}", people: "127.0.0.1:${people}" }
tools: { first_use: trust }
policy: { activation: file }
upstreams:
  journal: { url: "${upstream}", shared: true, tools: { read_text: ${path}, read_many: { effect: read, each: [paths] } } }
`;
}
