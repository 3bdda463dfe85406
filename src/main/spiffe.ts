import type { Config } from '../config/index.ts';
import type { AuthorityShelf, SpiffeSettings } from '../controls/identity/index.ts';
import type { Keys } from './keys.ts';

const SECOND_MS = 1_000;
const HOUR_MS = 3_600_000;

/** What identity needs for a trust domain, where the configuration names one. */
export function spiffeOf(
  config: () => Config,
  keys: Keys,
): { settings: SpiffeSettings; shelf: AuthorityShelf } | undefined {
  const { identity, listen } = config();
  const { spiffe } = identity;
  if (spiffe === undefined) return undefined;
  const sources = Object.entries(spiffe.trust_domains).map(([name, { bundle }]) => [name, bundle] as const);
  return {
    shelf: keys.authorities,
    settings: {
      trust_domain: spiffe.trust_domain,
      svid_ms: spiffe.svid_seconds * SECOND_MS,
      authority_ms: spiffe.authority_hours * HOUR_MS,
      sources: Object.fromEntries(sources),
      hosts: listen.agents_mtls === undefined ? [] : hostNames(listen.agents_mtls.host, listen.public_url),
      rules: () => config().identity.spiffe?.agents ?? [],
    },
  };
}

/** An ordinary client looks for the name that it called, beside the SPIFFE ID that others look for. */
function hostNames(host: string, public_url: string): string[] {
  return [...new Set([host, new URL(public_url).hostname, 'localhost'])].map((name) => name.replace(/^\[|\]$/g, ''));
}
