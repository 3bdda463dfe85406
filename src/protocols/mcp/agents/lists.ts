import { hash } from 'node:crypto';
import type { Access } from '../../../core/decision.ts';
import type { JsonObject } from '../../../core/json.ts';
import type { ManifestKind } from '../../../core/manifest.ts';
import { isRefusal, type Refusal } from '../../../core/refusal.ts';
import type { ForwardIo } from '../../../enforcement/index.ts';
import type { ReadCatalog } from '../upstream.ts';
import { type Asking, answered, type Carried, type Operation, result } from './asking.ts';
import { normaliseUri } from './uris.ts';
import { badParams } from './wire.ts';

/** For how long an agent may show a list without asking again. What may be used is decided anew at each use. */
export const LIST_TTL_MS = 1_000;

type Candidate = Pick<Access, 'action' | 'resource'>;
/** `asked`: what an agent would do with it; policy shows what is not certainly denied. */
type Item = { asked: Candidate; part?: { kind: ManifestKind; name: string }; shown(): JsonObject };

type List = { field: string; items(view: View, catalog: ReadCatalog): Item[] };

/** From where a list is looked at. */
export type View = Pick<Asking, 'parts' | 'server' | 'naming'>;

const TOOLS: List = {
  field: 'tools',
  items: ({ naming }, { server, tools }) =>
    tools.map(({ name, raw }) => ({
      asked: { action: 'tool.call', resource: { type: 'Tool', id: `${server}/${name}` } },
      part: { kind: 'tool', name },
      shown: () => ({ ...raw, name: naming.tool(server, name) }),
    })),
};

const PROMPTS: List = {
  field: 'prompts',
  items: ({ naming }, { server, prompts }) =>
    prompts.map(({ name, raw }) => ({
      asked: { action: 'prompt.get', resource: { type: 'Prompt', id: `${server}/${name}` } },
      part: { kind: 'prompt', name },
      shown: () => ({ ...raw, name: naming.tool(server, name) }),
    })),
};

const RESOURCES: List = {
  field: 'resources',
  items: ({ naming }, { server, resources }) =>
    resources.flatMap(({ uri, raw }) => {
      const normal = normaliseUri(uri);
      if (normal.kind === 'refused') return [];
      const shown = () => ({ ...raw, uri: naming.uri(server, uri) });
      return [
        { asked: { action: 'resource.read', resource: { type: 'Resource', id: `${server}/${normal.text}` } }, shown },
      ];
    }),
};

const TEMPLATES: List = {
  field: 'resourceTemplates',
  items: ({ naming }, { server, templates }) =>
    templates.map(({ uriTemplate, raw }) => ({
      asked: { action: 'resource.read', resource: { type: 'Resource', id: `${server}/${uriTemplate}` } },
      part: { kind: 'template', name: uriTemplate },
      shown: () => ({ ...raw, uriTemplate: naming.uri(server, uriTemplate) }),
    })),
};

/**
 * Lists are the gateway's own answers from the catalogs: what the caller may not use is not in them, in the order in which
 * servers are configured and give their own. One page, so there is no cursor that could be another's.
 */
function listing(list: List): Operation {
  return (asking) => {
    if (asking.params['cursor'] !== undefined) return badParams('there is no further page');
    return answered(asking, (io) => gather(asking, list, io));
  };
}

async function gather(asking: Asking, list: List, io: ForwardIo): Promise<Carried | Refusal> {
  const shown: JsonObject[] = [];
  for (const server of serversOf(asking)) {
    const catalog = await asking.parts.catalogs.latest(server);
    // One server that is down does not hide the others; asked for alone, it is said to be.
    if (isRefusal(catalog) && asking.server !== undefined) return catalog;
    if (!isRefusal(catalog)) shown.push(...shownOf(asking, list, catalog, io));
  }
  return result(asking.modern ? cacheable({ [list.field]: shown }) : { [list.field]: shown });
}

function serversOf({ server, parts }: View): readonly string[] {
  return server === undefined ? parts.upstreams.list() : [server];
}

/** What a person has not approved as it is now is not in it. */
function shownOf(view: View, list: List, catalog: ReadCatalog, io: ForwardIo): JsonObject[] {
  const { offered } = view.parts.catalogs;
  const items = list.items(view, catalog).filter(({ part }) => io.pinned(offered(catalog, part?.kind, part?.name)));
  const visible = io.visible(items.map(({ asked }) => asked));
  return items.flatMap((item, at) => (visible[at] === true ? [item.shown()] : []));
}

/** The lists of which an agent may want to hear that they changed. */
export const LIST_NOTICES = {
  tools: 'notifications/tools/list_changed',
  prompts: 'notifications/prompts/list_changed',
  resources: 'notifications/resources/list_changed',
} as const;
export type ListName = keyof typeof LIST_NOTICES;
export const LIST_NAMES: readonly ListName[] = ['tools', 'prompts', 'resources'];

const WATCHED: Readonly<Record<ListName, readonly List[]>> = {
  tools: [TOOLS],
  prompts: [PROMPTS],
  resources: [RESOURCES, TEMPLATES],
};

/**
 * Tells when a list changed as this caller sees it. A change of what is hidden from it is none: hearing of one would tell
 * that there is something.
 */
export function watchLists(
  view: View,
  names: readonly ListName[],
  io: ForwardIo,
  changed: (name: ListName) => void,
): () => void {
  const digestOf = (name: ListName): string => {
    const catalogs = serversOf(view).flatMap((server) => view.parts.catalogs.known(server) ?? []);
    const shown = WATCHED[name].map((list) => catalogs.map((catalog) => shownOf(view, list, catalog, io)));
    return hash('sha256', JSON.stringify(shown), 'base64');
  };
  const before = new Map(names.map((name) => [name, digestOf(name)]));
  const review = (): void => {
    for (const [name, digest] of before) {
      const now = digestOf(name);
      before.set(name, now);
      if (now !== digest) changed(name);
    }
  };
  const stopCatalogs = view.parts.upstreams.onCatalogChange(({ server }) => {
    if (view.server === undefined || view.server === server) review();
  });
  const stopPins = view.parts.onPinsChange(review);
  return () => {
    stopCatalogs();
    stopPins();
  };
}

/** What is filtered for one caller must not be kept for another. */
export function cacheable(value: JsonObject): JsonObject {
  return { resultType: 'complete', ...value, ttlMs: LIST_TTL_MS, cacheScope: 'private' };
}

export const LISTS: Readonly<Record<string, Operation>> = {
  'tools/list': listing(TOOLS),
  'prompts/list': listing(PROMPTS),
  'resources/list': listing(RESOURCES),
  'resources/templates/list': listing(TEMPLATES),
};
