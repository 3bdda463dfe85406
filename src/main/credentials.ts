import type { Config } from '../config/index.ts';
import type { Identity, TokenSource } from '../controls/identity/index.ts';
import type { CredentialSource } from '../core/upstream-credential.ts';

type Upstream = Config['upstreams'][string];

/** What each server is shown, by the source that its configuration names. A server without one is shown nothing here. */
export function credentialSource(
  config: () => Config,
  { vault, upstreamTokens }: Pick<Identity, 'vault' | 'upstreamTokens'>,
): CredentialSource {
  return (server, on) => {
    const upstream = config().upstreams[server];
    if (upstream?.credential === undefined) return undefined;
    const { transport, credential } = upstream;
    const { vault: entry, env: variable = '' } = credential;
    if (entry === undefined) {
      const source = tokenSourceOf(upstream);
      return source === undefined ? undefined : upstreamTokens.credential(server, source, on);
    }
    return transport.kind === 'http'
      ? vault.credential({ entry, server, to: { kind: 'http', url: transport.url }, on })
      : vault.credential({ entry, server, to: { kind: 'child', variable }, on });
  };
}

const SOURCES = new WeakMap<Upstream, TokenSource>();

/** Where the server's tokens come from, if the gateway fetches them. The same object for the same configuration. */
export function tokenSourceOf(upstream: Upstream): TokenSource | undefined {
  const known = SOURCES.get(upstream);
  if (known !== undefined) return known;
  const source = readSource(upstream);
  if (source !== undefined) SOURCES.set(upstream, source);
  return source;
}

function readSource({ credential, transport }: Upstream): TokenSource | undefined {
  if (credential === undefined || transport.kind !== 'http') return undefined;
  const { client_credentials, exchange, id_jag } = credential;
  if (client_credentials !== undefined) {
    const { resource = transport.url, ...client } = client_credentials;
    return { kind: 'client_credentials', client, resource };
  }
  if (exchange !== undefined) {
    const { resource = transport.url, audience, ...client } = exchange;
    return { kind: 'exchange', client, resource, audience };
  }
  if (id_jag === undefined) return undefined;
  const { resource = transport.url, idp, ...client } = id_jag;
  return { kind: 'id_jag', idp, client, resource };
}
