import { buildConnector } from 'undici';
import type { Clock } from '../../core/clock.ts';
import type { ConfiguredAddresses, Document, DocumentRequest, Documents, FetchDocument } from '../../core/document.ts';
import { type Refusal, refuse } from '../../core/refusal.ts';
import { fetchLearned, type Network } from './learned.ts';
import { readDocument, SECONDS_MAX } from './reading.ts';

/** A name that answers slowly holds a thread of the resolver's: strangers may hold no more than so many. */
const LEARNED_AT_ONCE_MAX = 16;

/** Reads documents, by where their address was named. */
export function openDocuments(around: { clock: Clock; network: Network }): Documents {
  let learning = 0;
  const learned: FetchDocument = async (url, request) => {
    if (learning >= LEARNED_AT_ONCE_MAX) {
      return refuse('upstream_unavailable', `${learning} addresses from the wire are being fetched already`);
    }
    learning += 1;
    try {
      return await fetchLearned(url, around, request);
    } finally {
      learning -= 1;
    }
  };
  return { learned, configured: (from) => fromConfigured(from, around.clock, learned) };
}

/** The operator vouches for these origins, not for where their documents point (`jwks_uri`, a token endpoint). */
function fromConfigured({ addresses, ca }: ConfiguredAddresses, clock: Clock, learned: FetchDocument): FetchDocument {
  const origins = new Set(addresses.map((address) => new URL(address).origin));
  const connect = buildConnector({
    timeout: SECONDS_MAX * 1_000,
    allowH2: false,
    maxCachedSessions: 0,
    ...(ca === undefined ? {} : { ca }),
  });
  return async (text, request = {}) => {
    const url = URL.parse(text);
    if (url === null || !origins.has(url.origin)) return learned(text, request);
    return url.username === '' && url.password === ''
      ? withinTime(url, request, { connect, clock })
      : refuse('upstream_failed', 'a configured address was not fetched: it carries credentials');
  };
}

async function withinTime(
  url: URL,
  request: DocumentRequest,
  { connect, clock }: { connect: buildConnector.connector; clock: Clock },
): Promise<Document | Refusal> {
  const time = new AbortController();
  const cancel = clock.after((request.seconds_max ?? SECONDS_MAX) * 1_000, () => time.abort());
  try {
    return await readDocument(url, request, { connect, signal: time.signal });
  } finally {
    cancel();
  }
}
