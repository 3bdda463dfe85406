import { type JsonObject, writeJson } from '../../../core/json.ts';
import { isRefusal, type Refusal, refuse } from '../../../core/refusal.ts';
import type { Secret } from '../../../core/secret.ts';
import type { CredentialSource, HttpMethod, OnBehalf } from '../../../core/upstream-credential.ts';
import type { HttpHeaders, HttpOrigin } from '../../../enforcement/index.ts';
import type { ExchangeIo, UpstreamNotification, UpstreamReply, UpstreamRequest } from '../upstream.ts';
import { Exchange } from './exchange.ts';
import { headerValue, type Mirrored, mirroredHeaders, nameOf } from './headers.ts';
import { HttpExchange } from './http-exchange.ts';
import { HttpListening } from './http-listening.ts';
import { HttpReader } from './http-stream.ts';
import { NOTIFY_MS_MAX } from './limits.ts';
import { type Agreed, type Heard, type Link, type LinkContext, Listeners, mayAsk } from './link.ts';
import { HEADER_MISMATCH, UNSUPPORTED_VERSION, writeAnswer } from './messages.ts';
import { Rate } from './rate.ts';
import { type Shown, thenShown } from './shown.ts';

const SESSION_ID = /^[\x21-\x7e]{1,1024}$/;

export type HttpContext = LinkContext & {
  /** What the tools of this server want mirrored into headers, as far as it is known. */
  mirrored(tool: string): readonly Mirrored[];
  server: string;
  headers: Readonly<Record<string, string | Secret>>;
  credential: CredentialSource;
  /** Whose session this is; undefined for one that is the gateway's own, or everybody's. */
  own: OnBehalf | undefined;
};

const UNCOMPRESSED: readonly string[] = ['accept-encoding', 'identity'];
const POSTED: readonly string[] = [
  'content-type',
  'application/json',
  'accept',
  'application/json, text/event-stream',
  ...UNCOMPRESSED,
];

export type Sending = { shown: Shown; lasting?: boolean };

/** Calls, and streams that stay open: subscriptions and the notifications of a session. */
export type Origins = { calls: HttpOrigin; streams: HttpOrigin };

/**
 * Streamable HTTP to one server. In 2026-07-28 every request stands for itself and the link has no state; in 2025-11-25 it
 * is one session: its id, its stream of notifications, streams taken up again where they broke.
 */
export class HttpLink implements Link {
  readonly context: HttpContext;
  readonly #origins: Origins;
  readonly #pending = new Set<Exchange>();
  readonly #heard = new Listeners<[string, JsonObject]>();
  readonly #closing = new Listeners<[string]>();
  /** Until it is agreed, what is sent names no version, as the first message of 2025 must not. */
  #agreed: Agreed | undefined;
  #status: number | undefined;
  #session: string | undefined;
  readonly #answers: Rate;
  #listening: HttpListening | undefined;
  #closed: string | undefined;

  constructor(origins: Origins, context: HttpContext) {
    this.#origins = origins;
    this.context = context;
    this.#answers = new Rate(context.clock, context.limits.frames_per_second_max);
  }

  get closed(): boolean {
    return this.#closed !== undefined;
  }

  get in_flight(): number {
    return this.#pending.size;
  }

  get era(): Agreed['era'] {
    return this.#agreed?.era ?? '2025-11-25';
  }

  mayAsk(method: string): boolean {
    return mayAsk(this.#agreed, method);
  }

  get last_status(): number | undefined {
    return this.#status;
  }

  exchange(request: UpstreamRequest, io: ExchangeIo, answer_ms_max?: number): Promise<UpstreamReply | Refusal> {
    const asked = this.shown(io.on ?? this.context.own);
    if (asked instanceof Promise) return asked.then((shown) => this.#begin(request, io, shown, answer_ms_max));
    return this.#begin(request, io, asked, answer_ms_max);
  }

  #begin(
    request: UpstreamRequest,
    io: ExchangeIo,
    shown: Shown | Refusal,
    answer_ms_max: number | undefined,
  ): Promise<UpstreamReply | Refusal> {
    const unready = this.#unready();
    if (unready !== undefined) return Promise.resolve(unready);
    if (isRefusal(shown)) return Promise.resolve(shown);
    const exchange = new Exchange(request, io, this.context, answer_ms_max);
    const http = new HttpExchange(this, exchange, shown);
    exchange.flow = http;
    this.#pending.add(exchange);
    exchange.begin((cancelled) => {
      this.#pending.delete(exchange);
      http.release(cancelled);
    });
    if (!exchange.ended) http.start(request.bytes, this.#headersOf(request));
    return exchange.done;
  }

  #unready(): Refusal | undefined {
    if (this.#closed !== undefined) return refuse('upstream_unavailable', this.#closed);
    if (this.#session === undefined || this.#pending.size < this.context.limits.requests_max) return undefined;
    return refuse('upstream_unavailable', `${this.#pending.size} requests are in flight in one session`);
  }

  async notify({ bytes, method }: UpstreamNotification): Promise<Refusal | undefined> {
    if (this.#closed !== undefined) return refuse('upstream_unavailable', this.#closed);
    const headers = this.era === '2026-07-28' ? ['mcp-method', headerValue(method)] : [];
    const shown = await this.shown(this.context.own);
    return isRefusal(shown) ? shown : this.#tell(bytes, headers, shown);
  }

  shown(on: OnBehalf | undefined): Shown | Refusal | Promise<Shown | Refusal> {
    const { headers, credential, server } = this.context;
    return thenShown(headers, credential(server, on));
  }

  adopt(agreed: Agreed | undefined): void {
    this.#agreed = agreed;
  }

  hear(heard: Heard, standing?: () => void): () => void {
    const forget = this.#heard.add(heard);
    // Only a session of 2025 has a stream of its own; it is opened when somebody listens.
    if (this.era === '2025-11-25' && this.#listening === undefined && !this.closed) {
      this.#listening = new HttpListening(this, (method, params) => {
        if (this.#heard.size === 0) this.context.dropped();
        this.#heard.call(method, params);
      });
    }
    if (this.#listening === undefined) standing?.();
    else if (standing !== undefined) this.#listening.onceStanding(standing);
    return forget;
  }

  onClose(ended: (why: string) => void): void {
    if (this.#closed === undefined) this.#closing.add(ended);
    else ended(this.#closed);
  }

  close(why: string): void {
    if (this.#closed !== undefined) return;
    this.#closed = why;
    this.#listening?.close();
    for (const exchange of [...this.#pending]) exchange.fail(refuse('upstream_unavailable', why));
    if (this.#session !== undefined) void this.#endSession(this.#session);
    this.#closing.call(why);
  }

  /** 2025-11-25, session management: 404 to a request of a session means that the session is over. */
  judge(status: number, headers: HttpHeaders, shown: Shown): Refusal | 'again' | undefined {
    this.#status = status;
    const said = shown.heard(status, headers);
    if (said !== undefined) return said;
    if (status === 404 && this.#session !== undefined) {
      this.#session = undefined;
      queueMicrotask(() => this.close('the server ended the session'));
      return refuse('upstream_unavailable', 'the server ended the session');
    }
    if (status === 401 || status === 403)
      return refuse('upstream_failed', `the gateway's credential was refused (${status})`);
    const id = headers['mcp-session-id'];
    if (id === undefined || this.era !== '2025-11-25' || this.#session !== undefined) return undefined;
    if (typeof id !== 'string' || !SESSION_ID.test(id))
      return refuse('upstream_failed', 'a session id that is not one');
    this.#session = id;
    return undefined;
  }

  post(
    body: Uint8Array,
    headers: readonly string[],
    reader: HttpReader,
    { shown, lasting = false }: Sending,
  ): HttpReader {
    const call = (lasting ? this.#origins.streams : this.#origins.calls).send(
      {
        method: 'POST',
        headers: POSTED.concat(this.#common(shown, 'POST'), headers),
        body,
        // The exchange has its own time.
        head_ms_max: 0,
        silence_ms_max: 0,
      },
      reader,
    );
    reader.attach(call);
    return reader;
  }

  /** A stream of the session's own, or one taken up again after `last`. */
  get(last: string | undefined, reader: HttpReader, shown: Shown): HttpReader {
    const position = last === undefined ? [] : ['last-event-id', last];
    const headers = ['accept', 'text/event-stream', ...UNCOMPRESSED, ...this.#common(shown, 'GET'), ...position];
    reader.attach(this.#origins.streams.send({ method: 'GET', headers, head_ms_max: 0, silence_ms_max: 0 }, reader));
    return reader;
  }

  /** An answer of 2026-07-28 that says that what we believe of the server does not hold any more. */
  doubt(code: number): void {
    if (code === HEADER_MISMATCH) this.context.listChanged();
    else if (code === UNSUPPORTED_VERSION) queueMicrotask(() => this.close('the server speaks another version now'));
  }

  /** Answers a request of the server's. Each costs us a request, so that there are no more than so many a second. */
  respond(id: number | string, outcome: Parameters<typeof writeAnswer>[1], shown: Shown): void {
    if (!this.#answers.admit()) this.context.dropped();
    else if (!this.closed) void this.#tell(writeJson(writeAnswer(id, outcome)), [], shown);
  }

  /** 2025-11-25, cancellation: anything but `initialize`. */
  cancel(id: number, method: string, shown: Shown): void {
    if (this.closed || this.era !== '2025-11-25' || method === 'initialize') return;
    const params = { requestId: id, reason: 'cancelled' };
    void this.#tell(writeJson({ jsonrpc: '2.0', method: 'notifications/cancelled', params }), [], shown);
  }

  #tell(body: Uint8Array, headers: readonly string[], shown: Shown): Promise<Refusal | undefined> {
    return new Promise((resolve) => {
      const reader = new HttpReader(this.context.limits, {
        judge: (status, answered) => {
          const said = this.judge(status, answered, shown);
          if (said !== undefined && said !== 'again') return said;
          return status >= 400 ? refuse('upstream_failed', `a notification was answered with ${status}`) : undefined;
        },
        message: () => {},
        position: () => {},
        pause: () => {},
        finished: ({ refusal }) => {
          cancel();
          resolve(refusal);
        },
      });
      const cancel = this.context.clock.after(NOTIFY_MS_MAX, () => {
        reader.abort();
        resolve(refuse('upstream_timed_out', 'a notification was not taken in time'));
      });
      this.post(body, headers, reader, { shown });
    });
  }

  async #endSession(session: string): Promise<void> {
    this.#session = undefined;
    const asked = this.shown(this.context.own);
    // Where it is at hand nothing is waited for: the sockets may be closed next.
    const shown = asked instanceof Promise ? await asked : asked;
    if (isRefusal(shown)) return;
    const reader = new HttpReader(this.context.limits, {
      judge: () => undefined,
      message: () => {},
      position: () => {},
      pause: () => {},
      finished: () => {},
    });
    const headers = [...UNCOMPRESSED, ...this.#common(shown, 'DELETE'), 'mcp-session-id', session];
    const times = { head_ms_max: NOTIFY_MS_MAX, silence_ms_max: NOTIFY_MS_MAX };
    reader.attach(this.#origins.calls.send({ method: 'DELETE', headers, ...times }, reader));
  }

  #common(shown: Shown, method: HttpMethod): string[] {
    const headers = [...shown.headers, ...shown.proof(method)];
    if (this.#agreed !== undefined) headers.push('mcp-protocol-version', this.#agreed.version);
    if (this.#session !== undefined) headers.push('mcp-session-id', this.#session);
    return headers;
  }

  #headersOf({ method, params, headers }: UpstreamRequest): string[] {
    if (this.era !== '2026-07-28') return [];
    const written = ['mcp-method', headerValue(method)];
    const name = nameOf(method, params);
    if (name !== undefined) written.push('mcp-name', headerValue(name));
    const mirrored = method === 'tools/call' ? this.context.mirrored(name ?? '') : [];
    if (mirrored.length > 0) written.push(...mirroredHeaders(mirrored, params['arguments']));
    for (const other in headers) {
      const key = other.toLowerCase();
      const own = mirrored.some((argument) => argument.header === key);
      if (key.startsWith('mcp-param-') && !own) written.push(key, headers[other] as string);
    }
    return written;
  }
}
