import { isJsonObject, type JsonObject } from '../../../core/json.ts';
import { isRefusal, type Refusal, refuse } from '../../../core/refusal.ts';
import type { ForwardIo } from '../../../enforcement/index.ts';
import type { UpstreamSession } from '../upstream.ts';
import { type Asking, answered, type Carried, type Operation, objectOf, result } from './asking.ts';
import { knownCapabilities, openFor } from './forwarding.ts';
import { LIST_TTL_MS } from './lists.ts';
import type { Session } from './sessions.ts';
import { badParams, META, MODERN, SESSION_VERSIONS } from './wire.ts';

/** `server/discover`: what one server is, or what the gateway is with all of them. */
export const discover: Operation = (asking) =>
  answered(asking, async (io) => {
    const server = await introduced(asking, io);
    if (isRefusal(server)) return server;
    const { serverInfo, instructions } = server ?? { serverInfo: asking.parts.self, instructions: undefined };
    return result({
      resultType: 'complete',
      supportedVersions: [MODERN],
      capabilities: capabilitiesOf(asking, server),
      ...(instructions === undefined ? {} : { instructions }),
      ttlMs: LIST_TTL_MS,
      cacheScope: 'private',
      _meta: { [META.server]: serverInfo },
    });
  });

/** `initialize`: begins a session (2025-11-25), bound to this caller and run. */
export const initialize: Operation = (asking) => {
  const { protocolVersion, capabilities, clientInfo } = asking.params;
  if (typeof protocolVersion !== 'string') return badParams('protocolVersion is no text');
  if (!isJsonObject(capabilities) || !isJsonObject(clientInfo))
    return badParams('capabilities or clientInfo is missing');
  const version = SESSION_VERSIONS.includes(protocolVersion) ? protocolVersion : (SESSION_VERSIONS[0] as string);
  const facts = { version, capabilities: knownCapabilities(capabilities), clientInfo, server: asking.server };
  return answered(asking, async (io) => {
    const session = await asking.parts.sessions.begin(asking.caller, asking.run, facts);
    if (isRefusal(session)) return session;
    const told = await introduce(asking, session, io);
    if (isRefusal(told)) await asking.parts.sessions.end(session);
    else asking.reply.addField('mcp-session-id', session.id);
    return told;
  });
};

async function introduce(asking: Asking, session: Session, io: ForwardIo): Promise<Carried | Refusal> {
  const server = await introduced({ ...asking, session, client: session.facts }, io);
  if (isRefusal(server)) return server;
  return result({
    protocolVersion: session.facts.version,
    capabilities: capabilitiesOf(asking, server),
    serverInfo: server?.serverInfo ?? asking.parts.self,
    ...(server?.instructions === undefined ? {} : { instructions: server.instructions }),
  });
}

export const ping: Operation = (asking) => answered(asking, () => result({}));

type Introduced = Pick<UpstreamSession, 'era' | 'capabilities' | 'serverInfo' | 'instructions'>;

/**
 * The one server of `/mcp/<server>`, in the words that were approved, whatever it says in this session; undefined at `/mcp`,
 * and while a person has yet to approve it: then the gateway speaks for itself.
 */
async function introduced(asking: Asking, io: ForwardIo): Promise<Introduced | Refusal | undefined> {
  if (asking.server === undefined) return undefined;
  const catalog = await asking.parts.catalogs.of(asking.server);
  if (isRefusal(catalog)) return catalog;
  const era = asking.parts.catalogs.era(asking.server, asking.modern ? MODERN : '2025-11-25');
  if (era === undefined) return refuse('upstream_unavailable', `${asking.server} speaks no known revision`);
  if (!io.pinned(asking.parts.catalogs.offered(catalog))) return undefined;
  const session = await openFor(asking, asking.server, era);
  if (isRefusal(session)) return session;
  const { serverInfo, instructions } = catalog;
  return { era: session.era, capabilities: session.capabilities, serverInfo, instructions };
}

/** Lists are the gateway's own, so it always has them; the rest is what the server can do and the revisions can carry. */
function capabilitiesOf(asking: Asking, server: Introduced | undefined): JsonObject {
  const listed = { listChanged: true };
  const theirs = server?.capabilities ?? {};
  const sameKind = server === undefined || asking.modern === (server.era === MODERN);
  const subscribe = server === undefined || (sameKind && objectOf(theirs['resources'])['subscribe'] === true);
  return {
    tools: listed,
    prompts: listed,
    resources: subscribe ? { subscribe: true, ...listed } : listed,
    ...(server === undefined || theirs['completions'] !== undefined ? { completions: {} } : {}),
    ...(server === undefined || theirs['logging'] !== undefined ? { logging: {} } : {}),
  };
}
