import type { Clock } from '../../../core/clock.ts';
import type { JsonObject } from '../../../core/json.ts';
import type { Run } from '../../../core/principal.ts';
import { type Refusal, refuse } from '../../../core/refusal.ts';
import { Secret } from '../../../core/secret.ts';
import type { CredentialSource } from '../../../core/upstream-credential.ts';
import type { Egress } from '../../../enforcement/index.ts';
import type { ReadCatalog, UpstreamSettings, Upstreams } from '../upstream.ts';
import { LIST_AGE_MS_MAX } from './limits.ts';
import { Listeners } from './link.ts';
import { type ManifestWatch, UpstreamServer } from './server.ts';

export type UpstreamsOptions = {
  egress: Egress;
  clock: Clock;
  settings: readonly UpstreamSettings[];
  /** Why a server, or a session that a run has with it, may not be used: the stop list. No run: the gateway's own. */
  stopped?: (server: string, run: Run | undefined) => Refusal | undefined;
  /** What servers are shown beside the headers and variables of their settings. */
  credential?: CredentialSource;
  /** Without it nothing is compared: whatever a server offers is used. */
  manifests?: ManifestWatch;
  list_age_ms_max?: () => number;
  /** The gateway's name and version, as servers are told it. */
  client_info: JsonObject;
};

const SWEEP_MS = 5_000;
const UNWATCHED: ManifestWatch = { admit: () => undefined, observe: async () => {} };

/** All servers behind the gateway. Nothing is started or asked before it is needed. */
export function openUpstreams(options: UpstreamsOptions): Upstreams {
  const { egress, clock, settings, client_info } = options;
  const { stopped = () => undefined, credential = () => undefined } = options;
  const { manifests = UNWATCHED, list_age_ms_max = () => LIST_AGE_MS_MAX } = options;
  const servers = new Map<string, UpstreamServer>();
  let listed: readonly string[] = [];
  const changes = new Listeners<[ReadCatalog]>();
  // Servers offer more to clients that can do more. A catalog is of all there is, so the gateway says that it can do all;
  // what it is then asked outside of an agent's exchange has no owner, and is refused.
  const client = { capabilities: { sampling: {}, elicitation: {}, roots: {} }, clientInfo: client_info };
  let last_id = 0;
  const nextId = (): number => {
    last_id += 1;
    return last_id;
  };
  const catalogChanged = (catalog: ReadCatalog): void => changes.call(catalog);
  const context = { egress, clock, client, nextId, stopped, credential, catalogChanged, manifests, list_age_ms_max };

  async function configure(wanted: readonly UpstreamSettings[]): Promise<void> {
    const names = new Set(wanted.map(({ server }) => server));
    const gone = [...servers.values()].filter((server) => !names.has(server.settings.server));
    for (const setting of wanted) {
      const server = servers.get(setting.server);
      if (server !== undefined && isSame(server.settings, setting)) continue;
      if (server !== undefined) gone.push(server);
      servers.set(setting.server, new UpstreamServer(setting, context));
    }
    for (const server of gone)
      if (servers.get(server.settings.server) === server) servers.delete(server.settings.server);
    listed = [...servers.keys()].sort();
    await Promise.all(gone.map((server) => server.close('its configuration changed')));
  }

  let cancelSweep = (): void => {};
  function sweepLater(): void {
    cancelSweep = clock.after(SWEEP_MS, () => {
      for (const server of servers.values()) server.sweep();
      sweepLater();
    });
  }

  void configure(settings);
  sweepLater();
  const unknown = (server: string) => refuse('not_found', `no upstream is called ${server}`);

  return {
    list: () => listed,
    nextId,
    catalog: async (server) => servers.get(server)?.keeper.get() ?? unknown(server),
    suspect: (server) => servers.get(server)?.keeper.changed(),
    isFresh: (server) => servers.get(server)?.keeper.isFresh ?? false,
    catalogs: () => [...servers.values()].flatMap(({ keeper }) => (keeper.known === undefined ? [] : [keeper.known])),
    onCatalogChange: (changed) => changes.add(changed),
    status: () => [...servers.values()].map((server) => server.status()),
    open: (server, run, options = {}) => servers.get(server)?.open(run, options) ?? unknown(server),
    review() {
      for (const server of servers.values()) server.review();
    },
    reviewCredentials() {
      for (const server of servers.values()) void server.reviewCredentials();
    },
    configure,
    async close() {
      cancelSweep();
      await Promise.all([...servers.values()].map((server) => server.close('the gateway is stopping')));
    },
  };
}

function isSame(a: UpstreamSettings, b: UpstreamSettings): boolean {
  return comparable(a) === comparable(b);
}

/** Secrets print alike, so they are compared by what they hold. */
function comparable(settings: UpstreamSettings): string {
  return JSON.stringify(settings, function (this: Record<string, unknown>, key, printed) {
    const value = this[key];
    return value instanceof Secret ? { secret: value.reveal() } : printed;
  });
}
