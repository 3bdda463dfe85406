import type { Clock } from '../../../core/clock.ts';
import type {
  ManifestKind,
  ManifestPart,
  Offered,
  PromptDefinition,
  ServerCatalog,
  ToolDefinition,
} from '../../../core/manifest.ts';
import { isRefusal, type Refusal } from '../../../core/refusal.ts';
import type { Era, ReadCatalog, Upstreams } from '../upstream.ts';

/** A server that tells of no changes is asked again when its lists are used, at most so often. */
const ASKED_MS_MIN = 1_000;

const SESSIONS: Era = '2025-11-25';

type Index = {
  tools: ReadonlyMap<string, ToolDefinition>;
  prompts: ReadonlyMap<string, PromptDefinition>;
  parts: ReadonlyMap<string, ManifestPart>;
};

/** What servers offer, found by name. */
export type Catalogs = {
  /** To rely on: read again first where it may have changed. Synchronous otherwise. */
  of(server: string): ReadCatalog | Refusal | Promise<ReadCatalog | Refusal>;
  /** To list from: as it was read last, while a newer one is on its way. */
  latest(server: string): ReadCatalog | Refusal | Promise<ReadCatalog | Refusal>;
  /** As far as it was read, without asking anyone. */
  known(server: string): ReadCatalog | undefined;
  /** What a request that names this part, or the server alone, rests on. */
  offered(catalog: ReadCatalog, kind?: ManifestKind, name?: string): Offered;
  tool(catalog: ReadCatalog, name: string): ToolDefinition | undefined;
  prompt(catalog: ReadCatalog, name: string): PromptDefinition | undefined;
  /**
   * The revision to speak with a server whose catalog was read: the agent's own, unless the server is known not to. A
   * catalog is read in the newer one where possible, so a server heard in that alone may well know the older.
   */
  era(server: string, preferred: Era): Era | undefined;
  /** The server turned out not to speak it. */
  refuteEra(server: string, era: Era): void;
  close(): void;
};

export function openCatalogs(upstreams: Upstreams, clock: Clock): Catalogs {
  const latest = new Map<string, ReadCatalog>();
  const asked_at = new Map<string, number>();
  const eras = new Map<string, readonly Era[]>();
  const refuted = new Set<string>();
  const indexes = new WeakMap<ServerCatalog, Index>();
  const stop = upstreams.onCatalogChange((catalog) => {
    latest.set(catalog.server, catalog);
    eras.delete(catalog.server);
    refuted.delete(catalog.server);
  });

  async function read(server: string): Promise<ReadCatalog | Refusal> {
    asked_at.set(server, clock.monotonic());
    const catalog = await upstreams.catalog(server);
    if (isRefusal(catalog)) latest.delete(server);
    else latest.set(server, catalog);
    return catalog;
  }

  function known(server: string): ReadCatalog | undefined {
    const catalog = latest.get(server);
    const since_ms = clock.monotonic() - (asked_at.get(server) ?? 0);
    if (catalog !== undefined && since_ms > ASKED_MS_MIN) void read(server);
    return catalog;
  }

  function offered(catalog: ReadCatalog, kind?: ManifestKind, name = ''): Offered {
    const { parts } = indexOf(catalog);
    const keys = ['origin ', 'server ', ...(kind === undefined ? [] : [`${kind} ${name}`])];
    return { server: catalog.server, parts: keys.flatMap((key) => parts.get(key) ?? []) };
  }

  function indexOf(catalog: ReadCatalog): Index {
    let index = indexes.get(catalog);
    if (index === undefined) {
      index = {
        tools: new Map(catalog.tools.map((tool) => [tool.name, tool])),
        prompts: new Map(catalog.prompts.map((prompt) => [prompt.name, prompt])),
        parts: new Map(catalog.manifest.parts.map((part) => [`${part.kind} ${part.name}`, part])),
      };
      indexes.set(catalog, index);
    }
    return index;
  }

  return {
    of: (server) => (upstreams.isFresh(server) ? known(server) : undefined) ?? read(server),
    latest: (server) => known(server) ?? read(server),
    offered,
    known: (server) => latest.get(server),
    tool: (catalog, name) => indexOf(catalog).tools.get(name),
    prompt: (catalog, name) => indexOf(catalog).prompts.get(name),
    era(server, preferred) {
      let spoken = eras.get(server);
      if (spoken === undefined) {
        spoken = upstreams.status().find((status) => status.server === server)?.eras ?? [];
        if (spoken.length > 0) eras.set(server, spoken);
      }
      if (spoken.includes(preferred)) return preferred;
      const untried = preferred === SESSIONS && spoken.length > 0 && !refuted.has(server);
      return untried ? SESSIONS : spoken[0];
    },
    refuteEra(server, era) {
      eras.delete(server);
      if (era === SESSIONS) refuted.add(server);
    },
    close: stop,
  };
}
