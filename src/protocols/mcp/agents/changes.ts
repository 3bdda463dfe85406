import type { ServerCatalog } from '../../../core/manifest.ts';
import type { Upstreams } from '../upstream.ts';

/** The lists of which an agent may want to hear that they changed. */
export const LIST_NOTICES = {
  tools: 'notifications/tools/list_changed',
  prompts: 'notifications/prompts/list_changed',
  resources: 'notifications/resources/list_changed',
} as const;
export type ListName = keyof typeof LIST_NOTICES;

const ALL: readonly ListName[] = ['tools', 'prompts', 'resources'];

/** Tells which lists of a server changed, by what they were before. */
export type Changes = {
  onChange(changed: (server: string, lists: readonly ListName[]) => void): () => void;
  close(): void;
};

export function openChanges(upstreams: Upstreams): Changes {
  const before = new Map<string, ServerCatalog>();
  const listeners = new Set<(server: string, lists: readonly ListName[]) => void>();
  const stop = upstreams.onCatalogChange((catalog) => {
    const lists = changedLists(before.get(catalog.server), catalog);
    before.set(catalog.server, catalog);
    for (const listener of listeners) listener(catalog.server, lists);
  });
  for (const catalog of upstreams.catalogs()) before.set(catalog.server, catalog);
  return {
    onChange(changed) {
      listeners.add(changed);
      return () => void listeners.delete(changed);
    },
    close() {
      stop();
      listeners.clear();
    },
  };
}

/** A server that says that something changed, where nothing did, is believed: it may know more than its lists tell. */
function changedLists(earlier: ServerCatalog | undefined, later: ServerCatalog): readonly ListName[] {
  if (earlier === undefined || earlier.digest === later.digest) return ALL;
  return ALL.filter((name) => textOf(earlier, name) !== textOf(later, name));
}

function textOf(catalog: ServerCatalog, name: ListName): string {
  const items = name === 'resources' ? [...catalog.resources, ...catalog.templates] : catalog[name];
  return JSON.stringify(items.map(({ raw }) => raw));
}
