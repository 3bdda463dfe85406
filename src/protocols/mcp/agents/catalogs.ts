import type { Clock } from '../../../core/clock.ts';
import type { PromptDefinition, ServerCatalog, ToolDefinition } from '../../../core/manifest.ts';
import { isRefusal, type Refusal } from '../../../core/refusal.ts';
import type { Era, Upstreams } from '../upstream.ts';

/** A server that tells of no changes is asked again when its lists are used, at most so often. */
const ASKED_MS_MIN = 1_000;

const SESSIONS: Era = '2025-11-25';

type Index = { tools: ReadonlyMap<string, ToolDefinition>; prompts: ReadonlyMap<string, PromptDefinition> };

/** What servers offer, found by name. */
export type Catalogs = {
  /** Synchronous once it was read. */
  of(server: string): ServerCatalog | Refusal | Promise<ServerCatalog | Refusal>;
  /** As far as it was read, without asking anyone. */
  known(server: string): ServerCatalog | undefined;
  tool(catalog: ServerCatalog, name: string): ToolDefinition | undefined;
  prompt(catalog: ServerCatalog, name: string): PromptDefinition | undefined;
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
  const latest = new Map<string, ServerCatalog>();
  const asked_at = new Map<string, number>();
  const eras = new Map<string, readonly Era[]>();
  const refuted = new Set<string>();
  const indexes = new WeakMap<ServerCatalog, Index>();
  const stop = upstreams.onCatalogChange((catalog) => {
    latest.set(catalog.server, catalog);
    eras.delete(catalog.server);
    refuted.delete(catalog.server);
  });

  async function read(server: string): Promise<ServerCatalog | Refusal> {
    asked_at.set(server, clock.monotonic());
    const catalog = await upstreams.catalog(server);
    if (isRefusal(catalog)) latest.delete(server);
    else latest.set(server, catalog);
    return catalog;
  }

  function known(server: string): ServerCatalog | undefined {
    const catalog = latest.get(server);
    const since_ms = clock.monotonic() - (asked_at.get(server) ?? 0);
    if (catalog !== undefined && since_ms > ASKED_MS_MIN) void read(server);
    return catalog;
  }

  function indexOf(catalog: ServerCatalog): Index {
    let index = indexes.get(catalog);
    if (index === undefined) {
      index = {
        tools: new Map(catalog.tools.map((tool) => [tool.name, tool])),
        prompts: new Map(catalog.prompts.map((prompt) => [prompt.name, prompt])),
      };
      indexes.set(catalog, index);
    }
    return index;
  }

  return {
    of: (server) => known(server) ?? read(server),
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
