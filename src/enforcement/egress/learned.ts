import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import { buildConnector, Client } from 'undici';
import type { Clock } from '../../core/clock.ts';
import { type Refusal, refuse } from '../../core/refusal.ts';
import { isPublicAddress } from './addresses.ts';
import type { HttpHeaders } from './http.ts';

/** What a fetch of a learned address may cost. */
export type LearnedBounds = { body_bytes_max: number; total_ms_max: number };
export type LearnedAnswer = { kind: 'answer'; status: number; content_type: string; body: Uint8Array };

/** The machine's resolver and its sockets. A test, or the simulator, brings its own. */
export interface Network {
  /** Every address of the host. */
  resolve(host: string): Promise<readonly string[]>;
  connect: buildConnector.connector;
}

const LEARNED_BOUNDS: LearnedBounds = { body_bytes_max: 64 * 1024, total_ms_max: 5_000 };
const URL_CHARACTERS_MAX = 2_048;

export function systemNetwork(): Network {
  return {
    resolve: async (host) => (await lookup(host, { all: true, verbatim: true })).map((found) => found.address),
    connect: buildConnector({ timeout: LEARNED_BOUNDS.total_ms_max, allowH2: false }),
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
  bounds: Partial<LearnedBounds> = {},
): Promise<LearnedAnswer | Refusal> {
  const { body_bytes_max, total_ms_max } = { ...LEARNED_BOUNDS, ...bounds };
  const url = parseLearned(text);
  if (typeof url === 'string') return blocked(url);
  const time = new AbortController();
  const cancel = clock.after(total_ms_max, () => time.abort());
  try {
    const pinned = await resolvePublic(url.hostname, network, time.signal);
    if (pinned.kind === 'refusal') return pinned;
    return await get(url, pinned.address, { network, signal: time.signal, body_bytes_max });
  } finally {
    cancel();
  }
}

/** @returns why not, where it may not be asked. */
function parseLearned(text: string): URL | string {
  if (text.length > URL_CHARACTERS_MAX || !URL.canParse(text)) return 'it is not an address';
  const url = new URL(text);
  if (url.protocol !== 'https:') return 'it is not https';
  if (url.username !== '' || url.password !== '') return 'it carries credentials';
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
  const host = hostname.replace(/^\[|\]$/g, '');
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

type Fetching = { network: Network; signal: AbortSignal; body_bytes_max: number };

async function get(url: URL, address: string, { network, signal, body_bytes_max }: Fetching) {
  const client = new Client(url.origin, {
    // The name stays in the certificate check and in `Host`; only the address is ours.
    connect: (options, callback) =>
      network.connect({ ...options, hostname: address, host: address, servername: serverName(url) }, callback),
    pipelining: 1,
    maxHeaderSize: 16 * 1024,
  });
  try {
    return await new Promise<LearnedAnswer | Refusal>((resolve) => {
      const reading = new Reading(body_bytes_max, resolve);
      signal.addEventListener('abort', () => reading.late(), { once: true });
      const headers = { accept: 'application/json', 'accept-encoding': 'identity' };
      client.dispatch({ method: 'GET', path: url.pathname + url.search, headers }, reading);
    });
  } finally {
    void client.destroy();
  }
}

/** TLS has names only; a certificate for an address is checked against the address by node:tls itself. */
function serverName(url: URL): string {
  return isIP(url.hostname.replace(/^\[|\]$/g, '')) > 0 ? '' : url.hostname;
}

class Reading {
  readonly #bytes_max: number;
  readonly #resolve: (answer: LearnedAnswer | Refusal) => void;
  readonly #parts: Buffer[] = [];
  #bytes = 0;
  #status = 0;
  #content_type = '';

  constructor(bytes_max: number, resolve: (answer: LearnedAnswer | Refusal) => void) {
    this.#bytes_max = bytes_max;
    this.#resolve = resolve;
  }

  late(): void {
    this.#resolve(refuse('upstream_timed_out', 'an address from the wire did not answer in time'));
  }

  onRequestStart(): void {}

  onResponseStart(controller: { abort(reason: Error): void }, status: number, headers: HttpHeaders): void {
    this.#status = status;
    this.#content_type = String(headers['content-type'] ?? '');
    const encoding = headers['content-encoding'];
    // Nobody asked for it, and unpacking is where a small answer becomes a large one.
    if (encoding !== undefined && encoding !== 'identity') this.#stop(controller, blocked('its answer is compressed'));
  }

  onResponseData(controller: { abort(reason: Error): void }, part: Buffer): void {
    this.#bytes += part.length;
    if (this.#bytes <= this.#bytes_max) this.#parts.push(part);
    else
      this.#stop(controller, refuse('answer_too_large', `an address from the wire sent over ${this.#bytes_max} bytes`));
  }

  onResponseEnd(): void {
    const body = Buffer.concat(this.#parts);
    this.#resolve({ kind: 'answer', status: this.#status, content_type: this.#content_type, body });
  }

  onResponseError(_: unknown, error: Error): void {
    this.#resolve(refuse('upstream_unavailable', `an address from the wire could not be read: ${error.message}`));
  }

  #stop(controller: { abort(reason: Error): void }, refusal: Refusal): void {
    this.#resolve(refusal);
    controller.abort(new Error('stopped'));
  }
}
