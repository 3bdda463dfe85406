import type { IncomingMessage, ServerResponse } from 'node:http';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { type Api, openApi } from '../api/index.ts';
import type { Config } from '../config/index.ts';
import { createSuggestions, FULFILLABLE, type ModeSwitch, openAnalysis } from '../controls/policy/index.ts';
import { type Egress, type Enforcement, openEnforcement, type Table } from '../enforcement/index.ts';
import {
  METADATA_PATH as AUTHZEN_METADATA_PATH,
  metadata as authzenMetadata,
  openAuthzen,
} from '../protocols/authzen/index.ts';
import { openMcp, openUpstreams, type Upstreams, upstreamSettings } from '../protocols/mcp/index.ts';
import { answerJson, guarded, openAgentsDoor, pathOf } from './agents-door.ts';
import { boundsOf, hostsOf } from './bounds.ts';
import { type Controls, eachOf, type Surroundings } from './controls.ts';
import { connectSourceOf, credentialSource, tokenSourceOf } from './credentials.ts';
import { decisionPoint } from './decision-point.ts';
import type { Faults } from './faults.ts';
import { closeServer, listen } from './listen.ts';
import { openSpiffeDoors } from './spiffe-doors.ts';
import { workloadsOf } from './workload-rules.ts';

const METADATA_PREFIX = '/.well-known/oauth-protected-resource';

export type DoorParts = Surroundings & {
  config(): Config;
  controls: Controls;
  egress: Egress;
  faults: Faults;
};

export type AgentsSide = {
  url: string;
  /** The same port over mutual TLS, where there is one. */
  agents_mtls_url: string | undefined;
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
    credential: credentialSource(config, controls.identity),
    manifests: {
      admit: (server, origin) => controls.identity.manifests.admit(server, origin),
      observe: (manifest, whole) => controls.identity.manifests.observe(manifest, whole),
    },
    list_age_ms_max: () => config().tools.list_age_ms_max,
    stopped: (server, run) =>
      stops.find({ upstream: server }) ?? (run === undefined ? run : stops.find({ held_by: run })),
  });
  stack.defer(() => upstreams.close());
  const stop = upstreams.onCatalogChange(() => controls.policy.engine.useCatalog(upstreams.catalogs()));
  stack.defer(stop);
  stack.defer(stops.onChange(() => upstreams.review()));
  stack.defer(controls.identity.vault.onChange(() => upstreams.reviewCredentials()));
  const { manifests } = controls.identity;
  // What was pinned through another replica was read there: here it may not have been yet.
  const outdated = () => upstreams.catalogs().filter(({ manifest }) => !manifests.isKnown(manifest));
  stack.defer(manifests.onChange(() => outdated().forEach(({ server }) => void upstreams.suspect(server))));
  const { agents } = config().listen;
  const url = { now: `http://${agents.host}:${agents.port}` };
  const enforcement = openEnforcement({
    clock,
    identity: controls.identity,
    policy: controls.policy.engine,
    ledger: controls.ledger,
    state: controls.state,
    observing: () => controls.policy.mode.observing() !== undefined,
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
    onPinsChange: (changed) => controls.identity.manifests.onChange(changed),
    challenges: (refusal, path) => controls.identity.challenges(refusal, path),
  });
  stack.defer(() => mcp.close());
  const authzen = openAuthzen({
    gateway: enforcement.gateway,
    point: decisionPoint({
      agents: controls.identity.agents,
      engine: controls.policy.engine,
      upstreams,
      applications: controls.applications,
    }),
    body_bytes_max: () => config().limits.body_bytes_max,
    challenges: (refusal, path) => controls.identity.challenges(refusal, path),
  });
  const door = {
    handlers: handlersOf(controls, [mcp, authzen], {
      hosts: remembered(config, (now) => hostsOf(now, url.now)),
      authzen: () => authzenMetadata(config().listen.public_url),
    }),
    header_bytes_max: config().limits.header_bytes_max,
    connections_max: config().limits.connections_max,
  };
  const server = openAgentsDoor(door);
  url.now = await listen(server, agents);
  stack.defer(() => closeServer(server));
  const { spiffe } = controls.identity;
  const more = await openSpiffeDoors({ config: config(), spiffe, faults: parts.faults, door }, stack);
  return { url: url.now, ...more, enforcement, upstreams, endStreams: () => mcp.endStreams() };
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

type Door = { serves(path: string): boolean; handler(request: IncomingMessage, response: ServerResponse): void };

function handlersOf(
  controls: Controls,
  protocols: readonly Door[],
  { hosts, authzen }: { hosts: () => ReadonlySet<string>; authzen: () => unknown },
) {
  const { authorizationServer, signals, spiffe } = controls.identity;
  const metadata = (path: string) =>
    path.startsWith(METADATA_PREFIX)
      ? controls.identity.protectedResource(path.slice(METADATA_PREFIX.length) || '/mcp')
      : undefined;
  return [
    ...protocols.map(({ serves, handler }) => ({ serves, handle: handler, heads_itself: true as const })),
    {
      serves: (path: string) => controls.identity.clientDocument(path) !== undefined,
      handle: guarded(hosts, (request, response) =>
        answerJson(response, controls.identity.clientDocument(pathOf(request))),
      ),
    },
    {
      serves: authorizationServer.serves,
      handle: guarded(hosts, (request, response) => authorizationServer.handler(request, response)),
    },
    {
      serves: (path: string) => spiffe?.door.serves(path) ?? false,
      handle: guarded(hosts, (request, response) => spiffe?.door.handler(request, response)),
    },
    {
      serves: (path: string) => metadata(path) !== undefined,
      handle: guarded(hosts, (request, response) => answerJson(response, metadata(pathOf(request)))),
    },
    { serves: signals.serves, handle: guarded(hosts, (request, response) => signals.handler(request, response)) },
    {
      serves: (path: string) => path === AUTHZEN_METADATA_PATH,
      handle: guarded(hosts, (_request, response) => answerJson(response, authzen())),
    },
    {
      serves: (path: string) => path === '/health',
      handle: guarded(hosts, (_request, response) => answerJson(response, { status: 'ok' })),
    },
  ];
}

function modeOf(mode: ModeSwitch) {
  const period = mode.observing();
  return { mode: period === undefined ? 'enforcing' : 'observing', observing_until: period?.until ?? null } as const;
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
    analysis: openAnalysis({
      db: controls.db,
      sets: controls.policy.sets,
      catalogs: () => agents.upstreams.catalogs(),
      agents: () => controls.identity.agents.list(),
      servers: () => Object.keys(config().upstreams),
      each: (server, tool) => eachOf(config(), server, tool),
      fulfillable: FULFILLABLE,
    }),
    grants: controls.policy.grants,
    mode: controls.policy.mode,
    decisions: controls.policy.engine,
    recorded: controls.recorded,
    suggestions: createSuggestions({
      recorded: controls.recorded,
      clock,
      policies: () => controls.policy.sets.list(),
      pause: () => setImmediate(),
    }),
    explainer: controls.policy.explainer,
    simulations: controls.simulations,
    shadows: controls.policy.shadows,
    shadowDifferences: controls.shadowDifferences,
    ledger: controls.ledger,
    gateway: {
      state: () => ({
        ...modeOf(controls.policy.mode),
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
    tokenSource: (server) => {
      const upstream = config().upstreams[server];
      return upstream && tokenSourceOf(upstream);
    },
    workloads: (agent) => workloadsOf(agent, config()),
    connectSource: (server) => {
      const upstream = config().upstreams[server];
      return upstream && connectSourceOf(upstream);
    },
    connectable: () =>
      Object.entries(config().upstreams).flatMap(([server, upstream]) =>
        upstream.credential?.connect === undefined ? [] : [server],
      ),
    meet: async (server) => void (await agents.upstreams.catalog(server)),
    console_url: () => side.url,
    listen: people,
    public_url: console_url,
    socket_path: process.platform === 'win32' ? undefined : join(config().data, 'control.sock'),
    pages_folder: parts.pages_folder,
    report: parts.report,
  });
  stack.defer(() => api.close());
  if (people.port === 0) side.url = `http://${api.host}:${api.port}`;
  parts.addresses.console_url = side.url;
  return { ...api, url: side.url };
}
