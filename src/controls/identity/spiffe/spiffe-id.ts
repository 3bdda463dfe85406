/** SPIFFE-ID, sections 2.1 to 2.4. `path` begins with a slash; a trust domain's own id has an empty one. */
export type SpiffeId = { text: string; trust_domain: string; path: string };

const ID_BYTES_MAX = 2_048;
const TRUST_DOMAIN = /^[a-z0-9._-]{1,255}$/;
/** No empty segments, no dots that climb, no escapes: two readers could otherwise see two paths. */
const PATH = /^(?:\/(?!\.{1,2}(?:\/|$))[A-Za-z0-9._-]+)*$/;
const SCHEME = 'spiffe://';

/** Undefined where it is not one, spelt in the one way in which each can be spelt. */
export function parseSpiffeId(text: string): SpiffeId | undefined {
  if (text.length > ID_BYTES_MAX || !text.startsWith(SCHEME)) return undefined;
  const slash = text.indexOf('/', SCHEME.length);
  const trust_domain = slash < 0 ? text.slice(SCHEME.length) : text.slice(SCHEME.length, slash);
  const path = slash < 0 ? '' : text.slice(slash);
  return isTrustDomain(trust_domain) && PATH.test(path) ? { text, trust_domain, path } : undefined;
}

export function isTrustDomain(text: string): boolean {
  return TRUST_DOMAIN.test(text);
}
