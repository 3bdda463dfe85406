import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import { buildConnector } from 'undici';
import type { Clock } from '../../core/clock.ts';
import type { Document, DocumentRequest } from '../../core/document.ts';
import { type Refusal, refuse } from '../../core/refusal.ts';
import { isPublicAddress } from './addresses.ts';
import { readDocument, SECONDS_MAX } from './reading.ts';

/** The machine's resolver and its sockets. A test, or the simulator, brings its own. */
export interface Network {
  /** Every address of the host. */
  resolve(host: string): Promise<readonly string[]>;
  connect: buildConnector.connector;
}

const URL_CHARACTERS_MAX = 2_048;
/** Ports below belong to other protocols, whose servers may take a line of ours for one of theirs. */
const FREE_PORT_MIN = 1_024;
/** White space that the URL standard drops, and the backslash that it reads as a slash: others read another address. */
const AMBIGUOUS = /[\u0000-\u0020\u007f\\]/;

export function systemNetwork(): Network {
  return {
    resolve: async (host) => (await lookup(host, { all: true, verbatim: true })).map((found) => found.address),
    // A session of one address is not offered to another: its ticket is bytes of the first one's choosing.
    connect: buildConnector({ timeout: SECONDS_MAX * 1_000, allowH2: false, maxCachedSessions: 0 }),
  };
}

/**
 * Reads one document from an address that came over the wire (client metadata, keys, links). The attacker chose the
 * address, its DNS answers and the server: so it is https, every address it resolves to is public, the socket goes to
 * the very address that was checked (a second look-up could answer otherwise: DNS rebinding), the certificate is for the
 * name, redirects are answers like any other and never followed, and size and time are bounded as a whole.
 */
export async function fetchLearned(
  text: string,
  { clock, network }: { clock: Clock; network: Network },
  request: DocumentRequest = {},
): Promise<Document | Refusal> {
  const url = parseLearned(text);
  if (typeof url === 'string') return blocked(url);
  const time = new AbortController();
  const cancel = clock.after((request.seconds_max ?? SECONDS_MAX) * 1_000, () => time.abort());
  try {
    const pinned = await resolvePublic(url.hostname, network, time.signal);
    if (pinned.kind === 'refusal') return pinned;
    const connect = pinnedTo(pinned.address, url, network);
    return await readDocument(url, request, { connect, signal: time.signal });
  } finally {
    cancel();
  }
}

/** @returns why not, where it may not be asked. */
function parseLearned(text: string): URL | string {
  if (text.length > URL_CHARACTERS_MAX || AMBIGUOUS.test(text) || !URL.canParse(text)) return 'it is not an address';
  const url = new URL(text);
  if (url.protocol !== 'https:') return 'it is not https';
  if (url.username !== '' || url.password !== '') return 'it carries credentials';
  if (url.port !== '' && Number(url.port) < FREE_PORT_MIN) return 'its port belongs to another protocol';
  // One host in two spellings; certificates and lists of hosts know the other.
  if (url.hostname.endsWith('.')) return 'its host ends with a dot';
  return url;
}

function blocked(why: string): Refusal {
  return refuse('upstream_failed', `an address from the wire was not fetched: ${why}`);
}

async function resolvePublic(
  hostname: string,
  network: Network,
  signal: AbortSignal,
): Promise<{ kind: 'address'; address: string } | Refusal> {
  const host = bare(hostname);
  const addresses = isIP(host) > 0 ? [host] : await untilAborted(network.resolve(host), signal).catch(() => []);
  if (signal.aborted) return refuse('upstream_timed_out', 'an address from the wire did not resolve in time');
  const [first] = addresses;
  if (first === undefined) return refuse('upstream_unavailable', 'an address from the wire does not resolve');
  // All of them: with one public and one private address an attacker lets chance, or a retry, choose.
  return addresses.every(isPublicAddress)
    ? { kind: 'address', address: first }
    : blocked('it is not publicly routable');
}

function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return Promise.race([
    work,
    new Promise<never>((_, reject) => signal.addEventListener('abort', () => reject(new Error('aborted')))),
  ]);
}

/** The name stays in the certificate check and in `Host`; only the address is ours. */
function pinnedTo(address: string, url: URL, { connect }: Network): buildConnector.connector {
  // TLS has names only; a certificate for an address is checked against the address by node:tls itself.
  const servername = isIP(bare(url.hostname)) > 0 ? '' : url.hostname;
  return (options, callback) => connect({ ...options, hostname: address, host: address, servername }, callback);
}

function bare(hostname: string): string {
  return hostname.replace(/^\[|\]$/g, '');
}
