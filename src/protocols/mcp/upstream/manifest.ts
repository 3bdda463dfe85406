import { hash } from 'node:crypto';
import type { JsonObject } from '../../../core/json.ts';
import { type ManifestPart, manifestPart, type ServerCatalog } from '../../../core/manifest.ts';
import type { ReadCatalog } from '../upstream.ts';
import type { Introduction } from './handshake.ts';

/** What a server says of itself. Its version is not in it: a new one that changes nothing else stops nothing. */
function serverPart({ serverInfo, instructions }: Introduction): ManifestPart {
  const { version: _, ...about } = serverInfo;
  return manifestPart('server', '', { about, instructions: instructions ?? null });
}

/** The catalog with the manifest that it makes: every definition as a whole, since agents are shown it as a whole. */
export function withManifest(catalog: ServerCatalog, origin: ManifestPart, introduction: Introduction): ReadCatalog {
  const server = serverPart(introduction);
  const parts = [
    origin,
    server,
    ...catalog.tools.map(({ name, raw }) => manifestPart('tool', name, raw)),
    ...catalog.prompts.map(({ name, raw }) => manifestPart('prompt', name, raw)),
    ...catalog.templates.map(({ uriTemplate, raw }) => manifestPart('template', uriTemplate, raw)),
  ];
  return {
    ...catalog,
    digest: hash('sha256', [catalog.digest, origin.digest, server.digest].join(' '), 'hex'),
    manifest: { server: catalog.server, parts },
    serverInfo: shownInfo(introduction.serverInfo),
    instructions: introduction.instructions,
  };
}

const VERSION = /^[\w.+-]{1,64}$/;

/** What is not pinned must not carry a sentence to an agent. */
function shownInfo({ version, ...about }: JsonObject): JsonObject {
  return { ...about, version: typeof version === 'string' && VERSION.test(version) ? version : '0' };
}

/** Where a server is reached. A query may hold a credential, and is not shown; the key is that of its certificate. */
export function addressPart(url: string, key: string | null): ManifestPart {
  const { origin, pathname, search } = new URL(url);
  const query_digest = search === '' ? null : hash('sha256', search, 'hex');
  return manifestPart('origin', '', { kind: 'address', address: `${origin}${pathname}`, query_digest, key });
}

export function programPart(identity: JsonObject): ManifestPart {
  return manifestPart('origin', '', { kind: 'program', ...identity });
}
