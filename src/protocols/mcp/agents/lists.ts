import type { Access } from '../../../core/decision.ts';
import type { JsonObject } from '../../../core/json.ts';
import type { ServerCatalog } from '../../../core/manifest.ts';
import { isRefusal, type Refusal } from '../../../core/refusal.ts';
import type { ForwardIo } from '../../../enforcement/index.ts';
import { type Asking, answered, type Carried, type Operation, result } from './asking.ts';
import { normaliseUri } from './uris.ts';
import { badParams } from './wire.ts';

/** For how long an agent may show a list without asking again. What may be used is decided anew at each use. */
export const LIST_TTL_MS = 1_000;

type Candidate = Pick<Access, 'action' | 'resource'>;
/** `asked`: what an agent would do with it; policy shows what is not certainly denied. */
type Item = { asked: Candidate; shown(): JsonObject };

type List = { field: string; items(asking: Asking, catalog: ServerCatalog): Item[] };

const TOOLS: List = {
  field: 'tools',
  items: ({ naming }, { server, tools }) =>
    tools.map(({ name, raw }) => ({
      asked: { action: 'tool.call', resource: { type: 'Tool', id: `${server}/${name}` } },
      shown: () => ({ ...raw, name: naming.tool(server, name) }),
    })),
};

const PROMPTS: List = {
  field: 'prompts',
  items: ({ naming }, { server, prompts }) =>
    prompts.map(({ name, raw }) => ({
      asked: { action: 'prompt.get', resource: { type: 'Prompt', id: `${server}/${name}` } },
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
  const { catalogs, upstreams } = asking.parts;
  const shown: JsonObject[] = [];
  for (const server of asking.server === undefined ? upstreams.list() : [asking.server]) {
    const catalog = await catalogs.of(server);
    // One server that is down does not hide the others; asked for alone, it is said to be.
    if (isRefusal(catalog) && asking.server !== undefined) return catalog;
    if (isRefusal(catalog)) continue;
    const items = list.items(asking, catalog);
    const visible = io.visible(items.map(({ asked }) => asked));
    items.forEach((item, at) => {
      if (visible[at] === true) shown.push(item.shown());
    });
  }
  return result(asking.modern ? cacheable({ [list.field]: shown }) : { [list.field]: shown });
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
