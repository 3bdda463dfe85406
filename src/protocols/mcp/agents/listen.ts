import { type Cancellation, FirstOf } from '../../../core/cancellation.ts';
import type { Access } from '../../../core/decision.ts';
import { isJsonObject, type JsonObject } from '../../../core/json.ts';
import { isRefusal, type Refusal } from '../../../core/refusal.ts';
import type { ForwardIo } from '../../../enforcement/index.ts';
import { type Asking, answered, type Carried, type Plan, result } from './asking.ts';
import { locate } from './calls.ts';
import { openFor, type Prepared, prepare } from './forwarding.ts';
import { LIST_NAMES, LIST_NOTICES, type ListName, watchLists } from './lists.ts';
import { type Say, sayOn } from './notices.ts';
import { endOfListening } from './signals.ts';
import { badParams, META, MODERN } from './wire.ts';

const RESOURCES_MAX = 64;

/** What the agent wants to hear of (2026-07-28). */
type Filter = { lists: readonly ListName[]; resources: { server: string; uris: string[] } | undefined };

/**
 * `subscriptions/listen`: one long exchange, whose frames are what it asked to hear. Lists are watched by the gateway;
 * resources by one request to the one server that they are of. What cannot be had is left out of the acknowledgement.
 */
export async function listen(asking: Asking): Promise<Plan | Refusal> {
  const filter = readFilter(asking);
  if (isRefusal(filter)) return filter;
  const { resources } = filter;
  const watched = resources ? await watching(asking, resources) : undefined;
  if (isRefusal(watched)) return watched;
  const plan = answered(asking, (io) => stream(asking, filter, watched, io));
  if (watched === undefined) return plan;
  const accesses: Access[] = (resources?.uris ?? []).map((uri) => ({
    action: 'resource.subscribe',
    resource: { type: 'Resource', id: `${watched.server}/${uri}` },
    args: {},
  }));
  const catalog = await asking.parts.catalogs.of(watched.server);
  if (isRefusal(catalog)) return catalog;
  const offered = asking.parts.catalogs.offered(catalog);
  const payload = { method: asking.method, server: watched.server, resources: resources?.uris ?? [] };
  return { ...plan, effect: 'read', accesses, sent: watched.bytes, upstream: watched.server, offered, payload };
}

function readFilter(asking: Asking): Filter | Refusal {
  const wanted = asking.params['notifications'];
  if (!isJsonObject(wanted)) return badParams('notifications is no object');
  const lists = LIST_NAMES.filter((name) => wanted[`${name}ListChanged`] === true);
  const given = wanted['resourceSubscriptions'] ?? [];
  if (!Array.isArray(given) || given.length > RESOURCES_MAX) return badParams(`more than ${RESOURCES_MAX} resources`);
  let resources: Filter['resources'];
  for (const address of given) {
    const found = locate(asking, address);
    if (isRefusal(found)) return found;
    resources ??= { server: found.server, uris: [] };
    if (found.server === resources.server) resources.uris.push(found.uri);
  }
  return { lists, resources };
}

/** The request to the server; undefined where it speaks only the older revision, which has no such stream. */
async function watching(asking: Asking, { server, uris }: { server: string; uris: string[] }) {
  const params = { notifications: { resourceSubscriptions: uris } };
  const prepared = await prepare(asking, { server, method: asking.method, params });
  return isRefusal(prepared) || prepared.era === MODERN ? prepared : undefined;
}

async function stream(
  asking: Asking,
  { lists }: Filter,
  watched: Prepared | undefined,
  io: ForwardIo,
): Promise<Carried | Refusal> {
  const { id, reply } = asking;
  const say = sayOn(io, { [META.subscription]: id });
  await reply.open();
  const stop = watchLists(asking, lists, io, (name) => void say(LIST_NOTICES[name], {}));
  const uris = watched?.params['notifications'] as JsonObject | undefined;
  await say('notifications/subscriptions/acknowledged', { notifications: acknowledged(asking, lists, watched, uris) });
  const done = new FirstOf(io.cancellation);
  const upstream = watched ? watch(asking, watched, done, say) : undefined;
  const over = endOfListening(asking.parts, io.cancellation);
  await (upstream === undefined ? over : Promise.race([over, upstream]));
  done.cancel();
  done.release();
  stop();
  return result({ resultType: 'complete', _meta: { [META.subscription]: id } });
}

function acknowledged(
  asking: Asking,
  lists: readonly ListName[],
  watched: Prepared | undefined,
  sent: JsonObject | undefined,
): JsonObject {
  const agreed: JsonObject = Object.fromEntries(lists.map((name) => [`${name}ListChanged`, true]));
  const uris = sent?.['resourceSubscriptions'];
  if (watched && Array.isArray(uris)) {
    agreed['resourceSubscriptions'] = uris.map((uri) => asking.naming.uri(watched.server, String(uri)));
  }
  return agreed;
}

/** Passes on what the server says of the resources that were decided. Ends when the server's stream does. */
async function watch(asking: Asking, watched: Prepared, cancellation: Cancellation, say: Say): Promise<void> {
  const session = await openFor(asking, watched.server, MODERN);
  if (isRefusal(session) || session.era !== MODERN) return;
  const decided = (watched.params['notifications'] as JsonObject)['resourceSubscriptions'] as string[];
  await session.send(
    { bytes: watched.bytes, id: watched.id, method: watched.method, params: watched.params },
    {
      cancellation,
      onNotification: (method, params) => {
        const { uri } = params;
        if (method !== 'notifications/resources/updated' || typeof uri !== 'string') return undefined;
        return decided.includes(uri) ? say(method, { uri: asking.naming.uri(watched.server, uri) }) : undefined;
      },
      onRequest: async () => ({ kind: 'error', error: { code: -32601, message: 'Nothing can be asked here.' } }),
    },
  );
}
