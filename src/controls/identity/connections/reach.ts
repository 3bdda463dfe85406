import type { Documents, FetchDocument } from '../../../core/document.ts';
import type { ConnectSource } from './contract.ts';

/**
 * What a server says of where to sign in leads to addresses from the wire. Those on a host that the operator wrote down (the
 * server's own, or one of `addresses`) may be private: whoever controls that host gains nothing by being asked there. All
 * others are public and https.
 */
export function isNamed(url: string, { url: own, addresses }: ConnectSource): boolean {
  const host = URL.parse(url)?.hostname;
  return host !== undefined && [own, ...addresses].some((address) => new URL(address).hostname === host);
}

export function reaching(source: ConnectSource, documents: Documents): FetchDocument {
  return (url, request) =>
    isNamed(url, source)
      ? documents.configured({ addresses: [url], ca: source.ca })(url, request)
      : documents.learned(url, request);
}
