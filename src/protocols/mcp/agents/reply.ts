import type { ServerResponse } from 'node:http';
import { type Cancellation, Canceller } from '../../../core/cancellation.ts';
import type { Clock } from '../../../core/clock.ts';
import type { EventLog } from './event-log.ts';

/** What the agent said it reads. Named first is preferred, as its client expects the one or the other. */
export type Accepts = { json: boolean; stream: boolean; stream_first: boolean };

export function readAccept(accept: string | undefined): Accepts {
  const all = accept === undefined || accept.includes('*/*');
  const json = accept?.indexOf('application/json') ?? -1;
  const stream = accept?.indexOf('text/event-stream') ?? -1;
  return {
    json: all || json >= 0,
    stream: all || stream >= 0,
    stream_first: stream >= 0 && (json < 0 || stream < json),
  };
}

/** Between two comments on a quiet stream: shorter than what proxies wait for. */
const KEEP_ALIVE_MS = 15_000;
/** How long an exchange goes on for an agent of 2025 that lost its stream and may come back for it. */
const AWAY_MS_MAX = 60_000;
/** An agent that takes nothing of what waits for it in this time has gone. */
const UNREAD_MS_MAX = 60_000;
/** What the agent is told to wait before it comes back. */
const RETRY_MS = 1_000;

/**
 * One HTTP answer: a single JSON text, or a stream of events, begun by the first thing to say before the end. An agent
 * that goes away has cancelled (2026-07-28); in a session it may come back for the rest of its stream instead.
 */
export class Reply {
  readonly accepts: Accepts;
  /** Of the exchange that this answers; every answer names it, once it is known. */
  receipt: string | undefined;
  /** Names and values in turn, as node:http writes them fastest: with no header set beside them. */
  readonly #fields: string[] = [];
  readonly #response: ServerResponse;
  readonly #clock: Clock;
  readonly #gone = new Canceller();
  #streaming = false;
  #concluded = false;
  #log: EventLog | undefined;
  #beginLog: (() => EventLog) | undefined;
  #release: (() => void) | undefined;
  #cancelKeepAlive: (() => void) | undefined;
  #cancelHurry: (() => void) | undefined;

  constructor(response: ServerResponse, accepts: Accepts, clock: Clock) {
    this.accepts = accepts;
    this.#response = response;
    this.#clock = clock;
    response.on('close', () => this.#closed());
  }

  get isStreaming(): boolean {
    return this.#streaming;
  }

  /** When nobody waits for the answer any more. */
  get gone(): Cancellation {
    return this.#gone;
  }

  cancel(): void {
    this.#gone.cancel();
  }

  /** Another field of the head, while that has not been sent. */
  addField(name: string, value: string): void {
    this.#fields.push(name, value);
  }

  /** Once it streams, what it says can be read again from the log after the connection is lost. */
  keep(begin: () => EventLog): void {
    this.#beginLog = begin;
  }

  /** Says one message before the end. Resolves when the agent's side has taken it; for who reads no streams, it is lost. */
  async event(text: string): Promise<void> {
    if (this.#concluded || !this.accepts.stream) return;
    await this.open();
    if (this.#log) await this.#log.append(text);
    else await this.#write(`event: message\ndata: ${text}\n\n`);
  }

  /** Begins the stream, if it has not begun. */
  async open(): Promise<void> {
    if (this.#streaming || this.#concluded || !this.accepts.stream) return;
    this.#streaming = true;
    this.addField('content-type', 'text/event-stream');
    this.addField('x-accel-buffering', 'no');
    this.#writeHead(200, 'no-store, no-transform');
    this.#response.flushHeaders();
    this.#keepAlive();
    this.#log = this.#beginLog?.();
    if (this.#log) this.#release = await this.#attach(this.#log, 0, true);
  }

  /** Streams what `log` holds after event `after`, and what comes. Resolves when this connection's part in it is over. */
  async resume(log: EventLog, after: number): Promise<void> {
    await this.open();
    const over = new Promise<void>((resolve) => {
      this.#response.once('close', resolve);
      this.#response.once('finish', resolve);
    });
    const release = await this.#attach(log, after, false);
    await over;
    release();
  }

  /** The server behind asked to be polled: so is the agent. */
  async pause(): Promise<void> {
    if (this.#beginLog === undefined) return;
    await this.open();
    this.#log?.detach();
  }

  /** The last message, and the end. `status` counts only where no stream has begun. */
  end(status: number, text: string | undefined): Promise<void> | void {
    if (this.#concluded) return;
    // A stream can be taken up again and a JSON answer cannot: in a session, who asks for streams first gets one.
    const wanted = this.#beginLog !== undefined && this.accepts.stream_first;
    if (this.#streaming || (wanted && status === 200 && text !== undefined)) return this.#endStream(text);
    this.#conclude();
    if (this.#response.destroyed) return;
    if (text !== undefined) {
      this.addField('content-type', 'application/json');
      this.addField('content-length', String(Buffer.byteLength(text)));
    }
    this.#writeHead(status, 'no-store');
    this.#response.end(text);
    if (this.#response.writableLength > 0) this.#hurry();
  }

  async #endStream(text: string | undefined): Promise<void> {
    await this.open();
    if (text !== undefined) await this.event(text);
    this.#conclude();
    if (this.#log) this.#log.end();
    else this.#response.end();
  }

  #writeHead(status: number, caching: string): void {
    if (this.receipt !== undefined) this.addField('sallyport-receipt', this.receipt);
    this.addField('cache-control', caching);
    this.addField('x-content-type-options', 'nosniff');
    this.#response.writeHead(status, this.#fields);
  }

  async #attach(log: EventLog, after: number, prime: boolean): Promise<() => void> {
    // An event without data, so that a stream lost before its first message can be taken up (2025-11-25).
    if (prime) await this.#write(`id: ${log.name}-0\nretry: ${RETRY_MS}\ndata: \n\n`);
    return log.attach(
      after,
      ({ id, text }) => this.#write(`event: message\nid: ${id}\ndata: ${text}\n\n`),
      () => this.#response.end(),
    );
  }

  #write(text: string): Promise<void> {
    const response = this.#response;
    if (response.destroyed || response.writableEnded || response.write(text)) return Promise.resolve();
    return new Promise((resolve) => {
      const done = () => {
        response.off('drain', done);
        response.off('close', done);
        resolve();
      };
      response.on('drain', done);
      response.on('close', done);
      this.#hurry();
    });
  }

  /** What an agent does not read is kept in memory, so it must read or lose it. */
  #hurry(): void {
    if (this.#cancelHurry !== undefined) return;
    const response = this.#response;
    const written = response.socket?.bytesWritten;
    this.#cancelHurry = this.#clock.after(UNREAD_MS_MAX, () => {
      this.#cancelHurry = undefined;
      if (response.writableLength === 0) return;
      if (response.socket?.bytesWritten === written) response.destroy();
      else this.#hurry();
    });
  }

  #keepAlive(): void {
    this.#cancelKeepAlive = this.#clock.after(KEEP_ALIVE_MS, () => {
      if (this.#response.destroyed || this.#response.writableEnded) return;
      // An agent that reads nothing does not get a longer queue of comments.
      if (!this.#response.writableNeedDrain) this.#response.write(':\n\n');
      this.#keepAlive();
    });
  }

  #closed(): void {
    this.#cancelKeepAlive?.();
    this.#cancelHurry?.();
    if (this.#concluded) return;
    const log = this.#log;
    if (log === undefined) this.#gone.cancel();
    else {
      this.#release?.();
      this.#awaitReturn(log);
    }
  }

  #awaitReturn(log: EventLog): void {
    this.#clock.after(AWAY_MS_MAX, () => {
      if (!this.#concluded && !log.attached) this.#gone.cancel();
    });
  }

  #conclude(): void {
    this.#concluded = true;
    this.#cancelKeepAlive?.();
  }
}
