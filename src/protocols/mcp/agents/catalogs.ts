import type { PromptDefinition, ServerCatalog, ToolDefinition } from '../../../core/manifest.ts';
import { isRefusal, type Refusal } from '../../../core/refusal.ts';
import type { Era, Upstreams } from '../upstream.ts';

type Index = { tools: ReadonlyMap<string, ToolDefinition>; prompts: ReadonlyMap<string, PromptDefinition> };

/** What servers offer, found by name. */
export type Catalogs = {
  /** Synchronous once it was read. */
  of(server: string): ServerCatalog | Refusal | Promise<ServerCatalog | Refusal>;
  tool(catalog: ServerCatalog, name: string): ToolDefinition | undefined;
  prompt(catalog: ServerCatalog, name: string): PromptDefinition | undefined;
  /** The revision to speak with a server whose catalog was read: the agent's own where it knows it. */
  era(server: string, preferred: Era): Era | undefined;
  /** What was believed of a server's revisions turned out wrong. */
  forgetEras(server: string): void;
  close(): void;
};

export function openCatalogs(upstreams: Upstreams): Catalogs {
  const latest = new Map<string, ServerCatalog>();
  const eras = new Map<string, readonly Era[]>();
  const indexes = new WeakMap<ServerCatalog, Index>();
  const stop = upstreams.onCatalogChange((catalog) => {
    latest.set(catalog.server, catalog);
    eras.delete(catalog.server);
  });

  async function read(server: string): Promise<ServerCatalog | Refusal> {
    const catalog = await upstreams.catalog(server);
    if (!isRefusal(catalog)) latest.set(server, catalog);
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
    of: (server) => latest.get(server) ?? read(server),
    tool: (catalog, name) => indexOf(catalog).tools.get(name),
    prompt: (catalog, name) => indexOf(catalog).prompts.get(name),
    era(server, preferred) {
      let known = eras.get(server);
      if (known === undefined) {
        known = upstreams.status().find((status) => status.server === server)?.eras ?? [];
        if (known.length > 0) eras.set(server, known);
      }
      return known.includes(preferred) ? preferred : known[0];
    },
    forgetEras: (server) => void eras.delete(server),
    close: stop,
  };
}
