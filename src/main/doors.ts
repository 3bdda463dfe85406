import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { type Api, openApi } from '../api/index.ts';
import type { Config } from '../config/index.ts';
import { type Egress, type Enforcement, openEnforcement, type Table } from '../enforcement/index.ts';
import { openMcp, openUpstreams, type Upstreams, upstreamSettings } from '../protocols/mcp/index.ts';
import { answerJson, guarded, openAgentsDoor, pathOf } from './agents-door.ts';
import { boundsOf, hostsOf } from './bounds.ts';
import type { Controls, Surroundings } from './controls.ts';
import type { Faults } from './faults.ts';

const METADATA_PREFIX = '/.well-known/oauth-protected-resource';

export type DoorParts = Surroundings & {
  config(): Config;
  controls: Controls;
  egress: Egress;
  faults: Faults;
};

export type AgentsSide = {
  url: string;
  enforcement: Enforcement;
  upstreams: Upstreams;
  /** Ends the streams on which agents only listen. */
  endStreams(): void;
};

/** The data plane: servers behind the gateway, the table, and the port that agents speak to. */
export async function openAgentsSide(
  parts: DoorParts & { table?: ((table: Table) => Table) | undefined },
  stack: AsyncDisposableStack,
): Promise<AgentsSide> {
  const { config, controls, clock, random, egress } = parts;
  const { stops } = controls.identity;
  const upstreams = openUpstreams({
    egress,
    clock,
    settings: settingsOf(config()),
    client_info: { name: 'sallyport', version: parts.build },
    stopped: (server, run) =>
      stops.find({ upstream: server }) ?? (run === undefined ? run : stops.find({ held_by: run })),
  });
  stack.defer(() => upstreams.close());
  const stop = upstreams.onCatalogChange(() => controls.policy.engine.useCatalog(upstreams.catalogs()));
  stack.defer(stop);
  stack.defer(stops.onChange(() => upstreams.review()));
  const { agents } = config().listen;
  const url = { now: `http://${agents.host}:${agents.port}` };
  const enforcement = openEnforcement({
    clock,
    identity: controls.identity,
    policy: controls.policy.engine,
    ledger: controls.ledger,
    state: controls.state,
    bounds: remembered(config, (now) => boundsOf(now, url.now)),
    table: parts.table,
  });
  const mcp = await openMcp({
    gateway: enforcement.gateway,
    upstreams,
    settings: config,
    clock,
    random,
    stateKey: parts.keys.state,
    version: parts.build,
    sessions: { db: controls.db, replica: controls.replica },
    challenges: (refusal, path) => controls.identity.challenges(refusal, path),
  });
  stack.defer(() => mcp.close());
  const server = openAgentsDoor({
    handlers: handlersOf(
      controls,
      mcp,
      remembered(config, (now) => hostsOf(now, url.now)),
    ),
    header_bytes_max: config().limits.header_bytes_max,
    connections_max: config().limits.connections_max,
  });
  url.now = await listen(server, agents);
  stack.defer(() => closeServer(server));
  return { url: url.now, enforcement, upstreams, endStreams: () => mcp.endStreams() };
}

/** Worked out once for each configuration: it is asked for several times in each exchange. */
function remembered<T>(config: () => Config, work: (config: Config) => T): () => T {
  let last: { config: Config; result: T } | undefined;
  return () => {
    const now = config();
    if (last?.config !== now) last = { config: now, result: work(now) };
    return last.result;
  };
}

export function settingsOf(config: Config) {
  return Object.entries(config.upstreams).map(([server, upstream]) => upstreamSettings(server, upstream));
}

type McpDoor = Awaited<ReturnType<typeof openMcp>>;

function handlersOf(controls: Controls, mcp: McpDoor, hosts: () => ReadonlySet<string>) {
  const { authorizationServer } = controls.identity;
  const metadata = (path: string) =>
    path.startsWith(METADATA_PREFIX)
      ? controls.identity.protectedResource(path.slice(METADATA_PREFIX.length) || '/mcp')
      : undefined;
  return [
    { serves: mcp.serves, handle: mcp.handler },
    {
      serves: authorizationServer.serves,
      handle: guarded(hosts, (request, response) => authorizationServer.handler(request, response)),
    },
    {
      serves: (path: string) => metadata(path) !== undefined,
      handle: guarded(hosts, (request, response) => answerJson(response, metadata(pathOf(request)))),
    },
    {
      serves: (path: string) => path === '/health',
      handle: guarded(hosts, (_request, response) => answerJson(response, { status: 'ok' })),
    },
  ];
}

/** The control plane: the console and `/api` for people, the socket for the command line. */
export async function openPeopleSide(
  parts: DoorParts & { agents: AgentsSide; started_at: number; pages_folder: string | undefined },
  stack: AsyncDisposableStack,
): Promise<Api & { url: string }> {
  const { config, controls, agents, clock } = parts;
  const { people, console_url } = config().listen;
  const side = { url: console_url };
  const api = await openApi({
    clock,
    identity: controls.identity,
    policy: controls.policy.sets,
    ledger: controls.ledger,
    gateway: {
      state: () => ({
        mode: 'enforcing',
        observing_until: null,
        build: parts.build,
        started_at: parts.started_at,
        replica: controls.replica,
        leased: controls.state.leased(),
        state_version: controls.state.version(),
        storage: controls.db.dialect,
        in_flight: agents.enforcement.live.size,
        agents_url: agents.url,
        faults: parts.faults.list(),
      }),
      upstreams: () => agents.upstreams.status(),
    },
    console_url: () => side.url,
    listen: people,
    public_url: console_url,
    socket_path: process.platform === 'win32' ? undefined : join(config().data, 'control.sock'),
    pages_folder: parts.pages_folder,
    report: parts.report,
  });
  stack.defer(() => api.close());
  if (people.port === 0) side.url = `http://${api.host}:${api.port}`;
  return { ...api, url: side.url };
}

function listen(server: Server, { host, port }: { host: string; port: number }): Promise<string> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      const address = server.address() as AddressInfo;
      resolve(`http://${host.includes(':') ? `[${host}]` : host}:${address.port}`);
    });
  });
}

function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
