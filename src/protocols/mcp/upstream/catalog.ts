import { createHash } from 'node:crypto';
import canonicalize from 'canonicalize';
import type { Cancellation } from '../../../core/cancellation.ts';
import { isJsonObject, type JsonObject, writeJson } from '../../../core/json.ts';
import type { ServerCatalog, ToolDefinition } from '../../../core/manifest.ts';
import { isRefusal, type Refusal, refuse } from '../../../core/refusal.ts';
import type { ClientFacts, UpstreamLimits, UpstreamReply, UpstreamSession } from '../upstream.ts';
import { modernMeta } from './handshake.ts';
import { mirroredOf } from './headers.ts';
import { CATALOG_TTL_MS_MAX, CATALOG_TTL_MS_MIN } from './limits.ts';
import { METHOD_NOT_FOUND } from './messages.ts';

export type CatalogRead = {
  kind: 'read';
  catalog: ServerCatalog;
  /** Definitions left out, with the reason, for the operator. */
  excluded: readonly string[];
  ttl_ms: number;
};

export type CatalogReader = {
  client: ClientFacts;
  limits: UpstreamLimits;
  cancellation: Cancellation;
  nextId(): number;
  /** Over HTTP a tool whose header annotations are not valid must not be offered. */
  checks_headers: boolean;
};

const LISTS = [
  { method: 'tools/list', member: 'tools', capability: 'tools', key: 'name' },
  { method: 'resources/list', member: 'resources', capability: 'resources', key: 'uri' },
  { method: 'resources/templates/list', member: 'resourceTemplates', capability: 'resources', key: 'uriTemplate' },
  { method: 'prompts/list', member: 'prompts', capability: 'prompts', key: 'name' },
] as const;
type List = (typeof LISTS)[number];

const KEY_CHARACTERS_MAX = 2_048;
const CONTROL = /[\u0000-\u001f\u007f]/;

type Budget = { bytes: number; ttl_ms: number; excluded: string[] };

/** Reads all that a server offers, page by page, within bounds for pages, items, bytes and time. */
export async function readCatalog(session: UpstreamSession, reader: CatalogReader): Promise<CatalogRead | Refusal> {
  const budget: Budget = { bytes: 0, ttl_ms: CATALOG_TTL_MS_MAX, excluded: [] };
  const lists: JsonObject[][] = [];
  for (const list of LISTS) {
    const items = isJsonObject(session.capabilities[list.capability])
      ? await readList(session, list, reader, budget)
      : [];
    if (isRefusal(items)) return items;
    lists.push(items as JsonObject[]);
  }
  const [tools = [], resources = [], templates = [], prompts = []] = lists;
  const server = session.server;
  const content = {
    tools: tools.flatMap((raw) => toolOf(server, raw, reader.checks_headers, budget)),
    resources: resources.map((raw) => ({ server, uri: raw['uri'] as string, raw })),
    templates: templates.map((raw) => ({ server, uriTemplate: raw['uriTemplate'] as string, raw })),
    prompts: prompts.map((raw) => ({ server, name: raw['name'] as string, raw })),
  };
  const digest = createHash('sha256')
    .update(canonicalize(content) ?? '')
    .digest('hex');
  return { kind: 'read', catalog: { server, ...content, digest }, excluded: budget.excluded, ttl_ms: budget.ttl_ms };
}

async function readList(
  session: UpstreamSession,
  list: List,
  reader: CatalogReader,
  budget: Budget,
): Promise<JsonObject[] | Refusal> {
  const items = new Map<string, JsonObject>();
  let cursor: string | undefined;
  for (let page = 0; page < reader.limits.pages_max; page += 1) {
    const reply = await readPage(session, list, cursor, reader);
    if (isRefusal(reply)) return reply;
    // Many servers declare resources and have no templates, or the other way round.
    if (reply.kind === 'error')
      return reply.error.code === METHOD_NOT_FOUND ? [] : failed(list, `error ${reply.error.code}`);
    const problem = takePage(list, reply, items, reader.limits, budget);
    if (problem !== undefined) return problem;
    const next = reply.result['nextCursor'];
    if (next === undefined || next === null) return sorted(items);
    if (typeof next !== 'string' || next === cursor) return failed(list, 'a cursor that leads nowhere');
    cursor = next;
  }
  return failed(list, `more than ${reader.limits.pages_max} pages`);
}

function readPage(
  session: UpstreamSession,
  { method }: List,
  cursor: string | undefined,
  { client, nextId, cancellation }: CatalogReader,
): Promise<UpstreamReply | Refusal> {
  const id = nextId();
  const meta = session.era === '2026-07-28' ? { _meta: modernMeta(client) } : {};
  const params: JsonObject = cursor === undefined ? meta : { ...meta, cursor };
  const bytes = writeJson({ jsonrpc: '2.0', id, method, params });
  return session.send(
    { bytes, id, method, params },
    {
      cancellation,
      onNotification: () => {},
      onRequest: async () => ({ kind: 'error', error: { code: METHOD_NOT_FOUND, message: 'Nobody can be asked.' } }),
    },
  );
}

/** Adds the items of one page, by name: a name that stands for two things is no name. */
function takePage(
  list: List,
  { result, bytes }: UpstreamReply & { kind: 'result' },
  items: Map<string, JsonObject>,
  limits: UpstreamLimits,
  budget: Budget,
): Refusal | undefined {
  budget.bytes += bytes;
  if (budget.bytes > limits.catalog_bytes_max) return failed(list, `a catalog over ${limits.catalog_bytes_max} bytes`);
  const page = result[list.member];
  if (!Array.isArray(page)) return failed(list, `no ${list.member}`);
  const { ttlMs } = result;
  if (typeof ttlMs === 'number') budget.ttl_ms = Math.min(budget.ttl_ms, Math.max(ttlMs, CATALOG_TTL_MS_MIN));
  for (const item of page) {
    const key = isJsonObject(item) ? item[list.key] : undefined;
    if (!isJsonObject(item) || typeof key !== 'string' || !isName(key)) {
      budget.excluded.push(`${list.member}: an item without a usable ${list.key}`);
    } else if (items.has(key)) return failed(list, `two ${list.member} with one ${list.key}`);
    else items.set(key, item);
    if (items.size > limits.items_max) return failed(list, `more than ${limits.items_max} ${list.member}`);
  }
  return undefined;
}

function isName(text: string): boolean {
  return text !== '' && text.length <= KEY_CHARACTERS_MAX && !CONTROL.test(text);
}

/** In a fixed order, whatever the server's: so that a digest changes only when something did. */
function sorted(items: ReadonlyMap<string, JsonObject>): JsonObject[] {
  return [...items.keys()].sort().map((key) => items.get(key) as JsonObject);
}

function toolOf(server: string, raw: JsonObject, checks_headers: boolean, budget: Budget): ToolDefinition[] {
  const name = raw['name'] as string;
  const { inputSchema } = raw;
  if (!isJsonObject(inputSchema)) {
    budget.excluded.push(`tool ${name}: no inputSchema`);
    return [];
  }
  const mirrored = checks_headers ? mirroredOf(inputSchema) : [];
  if (typeof mirrored === 'string') {
    budget.excluded.push(`tool ${name}: ${mirrored}`);
    return [];
  }
  return [{ server, name, inputSchema, raw }];
}

function failed({ method }: List, why: string): Refusal {
  return refuse('upstream_failed', `${method}: ${why}`);
}
