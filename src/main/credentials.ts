import { readFile } from 'node:fs/promises';
import type { Config } from '../config/index.ts';
import type { ConnectSource, Identity, TokenSource } from '../controls/identity/index.ts';
import { type Refusal, refuse } from '../core/refusal.ts';
import { Secret } from '../core/secret.ts';
import type { CredentialSource } from '../core/upstream-credential.ts';

/** Where a person signs in for a server, if they do. The same object for the same configuration. */
export function connectSourceOf(upstream: Upstream): ConnectSource | undefined {
  const { credential, transport } = upstream;
  if (credential?.connect === undefined || transport.kind !== 'http') return undefined;
  return { ...credential.connect, url: transport.url, ca: transport.ca };
}

type Upstream = Config['upstreams'][string];

/** What each server is shown, by the source that its configuration names. A server without one is shown nothing here. */
export function credentialSource(
  config: () => Config,
  { vault, upstreamTokens, connections }: Pick<Identity, 'vault' | 'upstreamTokens' | 'connections'>,
): CredentialSource {
  return (server, on) => {
    const upstream = config().upstreams[server];
    if (upstream?.credential === undefined) return undefined;
    const { transport, credential } = upstream;
    const { vault: entry, env: variable = '' } = credential;
    const connect = connectSourceOf(upstream);
    if (connect !== undefined) return connections.credential(server, connect, on);
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
  const { client_credentials, workload, exchange, id_jag } = credential;
  const { url } = transport;
  if (client_credentials !== undefined) {
    const { resource = url, dpop, ...client } = client_credentials;
    return { kind: 'client_credentials', client, resource, url, dpop };
  }
  if (workload !== undefined) {
    const { resource = url, dpop, assertion, ...client } = workload;
    return { kind: 'workload', client, resource, url, dpop, assertion: () => readAssertion(assertion) };
  }
  if (exchange !== undefined) {
    const { resource = url, dpop, audience, ...client } = exchange;
    return { kind: 'exchange', client, resource, url, dpop, audience };
  }
  if (id_jag === undefined) return undefined;
  const { resource = url, dpop, idp, subject, ...client } = id_jag;
  return { kind: 'id_jag', idp, subject, client, resource, url, dpop };
}

const ASSERTION_BYTES_MAX = 16_384;

/** Platforms write a new one before the old one ends. */
async function readAssertion(file: string): Promise<Secret | Refusal> {
  const text = await readFile(file, 'utf8').catch(() => undefined);
  if (text === undefined)
    return refuse('upstream_credential_missing', 'the platform’s word (assertion) cannot be read');
  const token = text.trim();
  const fits = token !== '' && token.length <= ASSERTION_BYTES_MAX && !/\s/.test(token);
  return fits
    ? new Secret(token)
    : refuse('upstream_credential_missing', 'the file of the platform’s word has no token');
}
