import { type ChildProcess, spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { type Client, createClient } from '../../src/api/client/index.ts';
import { socketTransport } from '../../src/api/client/socket.ts';
import { loadConfig } from '../../src/config/index.ts';
import type { Network, Table } from '../../src/enforcement/index.ts';
import { type Running, startGateway } from '../../src/main.ts';
import { AgentClient, type AgentKey } from './agent-client.ts';
import { modern } from './mcp-message.ts';
import { replayWorld } from './recorded.ts';

/** The starter of tests: one honest agent, one server whose journal says what really happened. */
const POLICIES = `
@id("writes-ok")
@reason("Triage may append lines that begin with ok.")
@public("Lines may begin with ok.")
permit (principal == Agent::"triage", action == Action::"tool.call", resource == Tool::"journal/append")
when { context.args.line like "ok*" };

@id("reads-reports")
@reason("Triage may read below reports/.")
@public("Paths below reports/ may be read.")
permit (principal == Agent::"triage", action == Action::"tool.call", resource == Tool::"journal/read_text")
when { context.args.path like "reports/*" };

@id("reads-unannotated")
@reason("The same server again, of whose arguments the operator says nothing.")
permit (principal == Agent::"triage", action == Action::"tool.call", resource == Tool::"unannotated/read_text")
when { context.args.path like "reports*" };

@id("asks-before-holding")
@reason("A person wants to see lines that say hold.")
@approve("team-ops")
forbid (principal, action == Action::"tool.call", resource == Tool::"journal/append")
when { context.args.line like "ok hold*" };
`;

export type WorldOptions = {
  /** Replaces the policies above. */
  policies?: string;
  /** Further entries of `upstreams:`, as YAML at two spaces. */
  upstreams?: string;
  /** Further entries of `listen:`, as YAML in one line. */
  listen?: string;
  /** Where agents reach it, where somebody has to know before. */
  agentsPort?: number;
  /** `policy:`, as YAML in one line. Without it a changed file is effective at once. */
  policy?: string;
  /** `tools:`, as YAML in one line. Without it whatever a server offers at first is trusted. */
  tools?: string;
  /** Further top-level YAML. */
  extra?: string;
  storage?: string;
  table?: (table: Table) => Table;
  /** The resolver and sockets for addresses from the wire. */
  network?: Network;
  /** The built console. */
  pages_folder?: string;
  /** Goes on with the folder of an earlier world. */
  folder?: string;
  /** Another replica of this one's fleet: the same database, the same keys, the same public address. */
  beside?: World;
};

export type Called = { status: number; headers: Headers; body: Answer; text: string };
type Answer = {
  result?: { content?: { text?: string }[]; isError?: boolean; _meta?: Record<string, unknown> } & Record<
    string,
    unknown
  >;
  error?: { code: number; message: string; data?: Record<string, unknown> };
};

export type World = {
  folder: string;
  running: Running;
  /** Where the journal is that `journal` reads: a fleet has one server behind it. */
  journal_folder: string;
  upstream_url: string;
  /** Where agents believe that they are; tokens and proofs are made for it. */
  public_url: string;
  /** The local operator, over the control socket. */
  local: Client;
  triage: AgentClient;
  /** The public keys' private halves, by agent. */
  register(agent: string, jobs?: readonly string[], more?: Registration): Promise<AgentClient>;
  /** Lines that the upstream has synced. */
  journal(): string[];
  /** SHA-256 of each request body that the upstream received. */
  received(): string[];
  call(agent: AgentClient, tool: string, args: object, options?: CallOptions): Promise<Called>;
  send(message: unknown, headers: Record<string, string>, path?: string): Promise<Called>;
  stop(options?: { keep?: boolean }): Promise<void>;
};

export type Registration = { purposes?: string[]; users?: string[]; from?: () => string };

export type CallOptions = { server?: string; headers?: Record<string, string> };

/** The real gateway in this process, over the real journal server in another. */
export async function openWorld(options: WorldOptions = {}): Promise<World> {
  const folder = options.folder ?? mkdtempSync(join(tmpdir(), 'sallyport-world-'));
  if (options.beside) {
    cpSync(join(options.beside.folder, '.sallyport', 'keys'), join(folder, '.sallyport', 'keys'), { recursive: true });
    cpSync(join(options.beside.folder, 'test-keys'), join(folder, 'test-keys'), { recursive: true });
  }
  const place = options.beside?.journal_folder ?? folder;
  const upstream = options.beside ? undefined : await startJournalAgain(folder);
  const upstream_url = options.beside?.upstream_url ?? (upstream?.url as string);
  const running = await start(folder, upstream_url, options).catch((error) => {
    upstream?.child.kill();
    throw error;
  });
  const local = createClient(socketTransport(running.socket_path as string), 'test');
  const public_url = options.beside?.public_url ?? running.agents_url;
  const keys = join(folder, 'test-keys');
  mkdirSync(keys, { recursive: true });

  async function register(
    agent: string,
    jobs: readonly string[] = ['support'],
    { from, ...granted }: Registration = {},
  ): Promise<AgentClient> {
    const path = join(keys, `${agent}.json`);
    const added = await local.call('agents.add', {
      body: { id: agent, owner: 'platform', jobs: [...jobs], ...granted },
    });
    if (added.kind === 'ok') writeFileSync(path, JSON.stringify(added.value.private_key));
    else if (added.problem.code !== 'already_exists') throw new Error(JSON.stringify(added));
    const key = JSON.parse(readFileSync(path, 'utf8')) as AgentKey;
    const open = { issuer: public_url, agent, key, job: jobs[0] as string };
    return AgentClient.open(from === undefined ? open : { ...open, from });
  }

  async function send(message: unknown, headers: Record<string, string>, path = '/mcp/journal'): Promise<Called> {
    const body = typeof message === 'string' ? message : JSON.stringify(message);
    const response = await fetch(`${running.agents_url}${path}`, { method: 'POST', headers, body });
    const text = await response.text();
    return { status: response.status, headers: response.headers, body: read(text), text };
  }

  return {
    folder,
    journal_folder: place,
    upstream_url,
    running,
    public_url,
    local,
    register,
    send,
    triage: options.beside?.triage ?? (await register('triage')),
    journal: () => linesOf(join(place, 'journal.txt')),
    received: () => linesOf(join(place, 'received.txt')),
    call(agent, tool, args, { server = 'journal', headers = {} } = {}) {
      const { message, headers: named } = modern('tools/call', { name: tool, arguments: args });
      const path = `/mcp/${server}`;
      const proof = agent.headers('POST', `${public_url}${path}`);
      return send(message, { ...named, ...proof, ...headers }, path);
    },
    async stop({ keep = false } = {}) {
      await running.stop();
      upstream?.child.kill();
      if (options.beside === undefined) await replayWorld({ folder }, options.storage);
      if (!keep) rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function start(folder: string, url: string, options: WorldOptions): Promise<Running> {
  const file = join(folder, 'sallyport.yaml');
  mkdirSync(join(folder, 'policies'), { recursive: true });
  writeFileSync(join(folder, 'policies', 'test.cedar'), options.policies ?? POLICIES);
  writeFileSync(file, configText(url, options.agentsPort ?? (await freePort()), await freePort(), options));
  const loaded = loadConfig(file);
  if (loaded.kind === 'invalid') throw new Error(JSON.stringify(loaded.problems, null, 2));
  const problems: string[] = [];
  return startGateway({
    config: loaded.config,
    table: options.table,
    pages_folder: options.pages_folder,
    network: options.network,
    report: (problem, error) => problems.push(`${problem}: ${error}`),
  });
}

/** Below what systems give out for connections and for port 0: no other socket takes it between finding and using it. */
const PORTS = { from: 10_240, to: 32_000 };

/** The issuer is the address, so it must be known before it is listened on. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(PORTS.from, PORTS.to);
    if (await isFree(port)) return port;
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}

function configText(url: string, agents: number, people: number, options: WorldOptions): string {
  const { upstreams = '', extra = '', listen, storage, beside, tools = 'first_use: trust' } = options;
  const { policy = 'activation: file' } = options;
  const named = beside === undefined ? '' : `, public_url: "${beside.public_url}"`;
  const more = listen === undefined ? named : `${named}, ${listen}`;
  return `listen: { agents: "127.0.0.1:${agents}", people: "127.0.0.1:${people}"${more} }
policy: { ${policy} }
tools: { ${tools} }
${storage === undefined ? '' : `storage: { url: "${storage}" }\n`}upstreams:
  journal: { url: "${url}", shared: true, tools: { read_text: { arguments: { path: path } } } }
  unannotated: { url: "${url}", shared: true }
${upstreams}${extra}`;
}

/** At the address that it had before, where the folder is an earlier world's: another address is another server. */
async function startJournalAgain(folder: string) {
  const kept = join(folder, 'journal.port');
  const [port] = linesOf(kept);
  const upstream = await startJournal(join(folder, 'journal.txt'), join(folder, 'received.txt'), port);
  writeFileSync(kept, new URL(upstream.url).port);
  return upstream;
}

export async function startJournal(
  journal: string,
  received: string,
  port = '0',
): Promise<{ url: string; child: ChildProcess }> {
  const script = fileURLToPath(new URL('../fixtures/mcp/journal.ts', import.meta.url));
  const child = spawn(
    process.execPath,
    [script, 'http', '--port', port, '--journal', journal, '--received', received],
    {
      stdio: ['pipe', 'pipe', 'inherit'],
    },
  );
  const [line] = (await once(createInterface({ input: child.stdout }), 'line')) as [string];
  const url = /https?:\/\/\S+/.exec(line)?.[0];
  if (url === undefined) throw new Error(`the journal said: ${line}`);
  return { url: url.replace(/["}].*$/, ''), child };
}

export function linesOf(path: string): string[] {
  try {
    return readFileSync(path, 'utf8')
      .split('\n')
      .filter((line) => line !== '');
  } catch {
    return [];
  }
}

/** The last message of an answer, whether it came as JSON or as a stream of events. */
function read(text: string): Answer {
  const events = [...text.matchAll(/^data: ?(.*)$/gm)].map((match) => match[1] as string);
  try {
    return JSON.parse(events.at(-1) ?? text) as Answer;
  } catch {
    return {};
  }
}
