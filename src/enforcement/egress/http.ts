import { hash } from 'node:crypto';
import type { TLSSocket } from 'node:tls';
import { buildConnector, type Dispatcher, Pool } from 'undici';

export type HttpAddress = {
  url: string;
  sockets_max?: number;
  connect_ms_max?: number;
  /** PEM certificates to trust instead of the system's. */
  ca?: string;
  /**
   * Over TLS, asked for each connection before anything is sent on it: whether this key may be there. The key is SHA-256,
   * base64, of the certificate's SubjectPublicKeyInfo (as RFC 7469, section 2.4 pins it).
   */
  admits?: (key: string) => boolean;
};

/** One configured origin: a bounded pool of kept-alive sockets. */
export interface HttpOrigin {
  /** Never throws. After `abort`, and after `end` or `failed`, nothing is called any more. */
  send(request: HttpRequest, reply: HttpReply): HttpCall;
  close(): Promise<void>;
}

export type HttpRequest = {
  method: 'POST' | 'GET' | 'DELETE';
  /** Name, value, name, value. */
  headers: readonly string[];
  body?: Uint8Array;
  /** From asking to the head of the answer, and the longest silence within it; 0 is no bound. */
  head_ms_max: number;
  silence_ms_max: number;
};

export type HttpHeaders = Readonly<Record<string, string | string[] | undefined>>;

export interface HttpReply {
  head(status: number, headers: HttpHeaders): void;
  data(part: Buffer): void;
  end(): void;
  failed(failure: HttpFailure): void;
}

/** `sent: false` means that not one byte of the request left, so it had no effect. */
export type HttpFailure = { sent: boolean; timed_out: boolean; reason: string };

export interface HttpCall {
  abort(): void;
  /** Stops reading, so that the upstream is slowed down to what the caller takes. */
  pause(): void;
  resume(): void;
}

const SOCKETS_MAX = 128;
const CONNECT_MS_MAX = 5_000;
/** Where the server does not say how long it keeps a socket: shorter than servers do, or we would write into closed ones. */
const KEEP_ALIVE_MS = 4_000;
const HEAD_BYTES_MAX = 32 * 1024;
/** Calls waiting or in flight on one origin; a queue without a bound is memory that an upstream can take. */
const CALLS_MAX = 8_192;
const TIMEOUT_CODES = new Set(['UND_ERR_HEADERS_TIMEOUT', 'UND_ERR_BODY_TIMEOUT', 'UND_ERR_CONNECT_TIMEOUT']);

export function openOrigin(address: HttpAddress, closed: () => void): HttpOrigin {
  const url = new URL(address.url);
  const path = url.pathname + url.search;
  const pool = new Pool(url.origin, {
    connections: address.sockets_max ?? SOCKETS_MAX,
    pipelining: 1,
    allowH2: false,
    keepAliveTimeout: KEEP_ALIVE_MS,
    maxHeaderSize: HEAD_BYTES_MAX,
    connect: connectorOf(address),
  });
  const calls = { count: 0 };

  return {
    send(request, reply) {
      const call = new Call(reply, calls);
      if (calls.count > CALLS_MAX) call.fail({ sent: false, timed_out: false, reason: 'too many calls in flight' });
      else dispatch(pool, path, request, call);
      return call;
    },
    async close() {
      closed();
      await pool.destroy();
    },
  };
}

function connectorOf({ connect_ms_max, ca, admits }: HttpAddress): buildConnector.connector {
  const bounds = { timeout: connect_ms_max ?? CONNECT_MS_MAX, ...(ca === undefined ? {} : { ca }) };
  // A session that is resumed shows no certificate, so where keys are looked at none is.
  const connect = buildConnector(admits === undefined ? bounds : { ...bounds, maxCachedSessions: 0 });
  if (admits === undefined) return connect;
  return (options, done) =>
    connect(options, (...result) => {
      const [error, socket] = result;
      if (error !== null || options.protocol !== 'https:' || admits(keyOf(socket as TLSSocket))) return done(...result);
      socket.destroy();
      done(new Error('the key of its certificate is not the one that is pinned'), null);
    });
}

function keyOf(socket: TLSSocket): string {
  const key = socket.getPeerX509Certificate()?.publicKey.export({ type: 'spki', format: 'der' });
  return key === undefined ? 'none' : hash('sha256', key, 'base64');
}

function dispatch(pool: Pool, path: string, request: HttpRequest, call: Call): void {
  try {
    pool.dispatch(
      {
        path,
        method: request.method,
        headers: request.headers as string[],
        body: request.body ?? null,
        headersTimeout: request.head_ms_max,
        bodyTimeout: request.silence_ms_max,
      },
      call,
    );
  } catch (error) {
    // undici throws for what it will not write: a header with a line break, a path with a space.
    call.fail({ sent: false, timed_out: false, reason: reasonOf(error) });
  }
}

/** undici's handler and our caller's handle in one object: one allocation for each call. */
class Call implements HttpCall, Dispatcher.DispatchHandler {
  readonly #reply: HttpReply;
  readonly #calls: { count: number };
  #controller: Dispatcher.DispatchController | undefined;
  #done = false;

  constructor(reply: HttpReply, calls: { count: number }) {
    this.#reply = reply;
    this.#calls = calls;
    calls.count += 1;
  }

  abort(): void {
    if (!this.#finish()) return;
    this.#controller?.abort(new Error('aborted'));
  }

  pause(): void {
    if (!this.#done) this.#controller?.pause();
  }

  resume(): void {
    if (!this.#done) this.#controller?.resume();
  }

  fail(failure: HttpFailure): void {
    if (this.#finish()) this.#reply.failed(failure);
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#done) controller.abort(new Error('aborted'));
  }

  onResponseStart(_: Dispatcher.DispatchController, status: number, headers: HttpHeaders): void {
    if (!this.#done && status >= 200) this.#reply.head(status, headers);
  }

  onResponseData(_: Dispatcher.DispatchController, part: Buffer): void {
    if (!this.#done) this.#reply.data(part);
  }

  onResponseEnd(): void {
    if (this.#finish()) this.#reply.end();
  }

  onResponseError(_: Dispatcher.DispatchController, error: Error): void {
    const code = (error as { code?: unknown }).code;
    const timed_out = typeof code === 'string' && TIMEOUT_CODES.has(code);
    this.fail({ sent: this.#controller !== undefined, timed_out, reason: reasonOf(error) });
  }

  #finish(): boolean {
    if (this.#done) return false;
    this.#done = true;
    this.#calls.count -= 1;
    return true;
  }
}

/** For the operator. Messages of undici and node:net name hosts and codes, never headers or bodies. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown failure';
  const code = (error as { code?: unknown }).code;
  return typeof code === 'string' && !error.message.includes(code) ? `${code}: ${error.message}` : error.message;
}
