import { type Refusal, refuse } from '../../../core/refusal.ts';
import type { HttpCall, HttpFailure, HttpHeaders, HttpReply } from '../../../enforcement/index.ts';
import type { UpstreamLimits } from '../upstream.ts';
import { type Incoming, readMessage } from './messages.ts';
import { SseParser } from './sse.ts';

/** What one HTTP answer turns out to be, told as it comes. After `finished` nothing more is told. */
export interface Reading {
  /** The head: a refusal ends the reading, so that nothing of a bad answer's body is read. */
  judge(status: number, headers: HttpHeaders): Refusal | undefined;
  message(message: Incoming, bytes: number, status: number): void;
  /** A stream's position and the pause it asks for (2025-11-25, resumability). */
  position(id: string): void;
  pause(retry_ms: number): void;
  /** `refusal` where it ended badly. `streamed`: it was a stream, which may be taken up again. */
  finished(end: { refusal: Refusal | undefined; streamed: boolean; failure: HttpFailure | undefined }): void;
}

const STREAM = /^text\/event-stream\s*(?:;|$)/i;
const JSON_TYPE = /^application\/json\s*(?:;|$)/i;

/** Reads one HTTP answer: a JSON message, a stream of them, or nothing; within `answer_bytes_max` for each message. */
export class HttpReader implements HttpReply {
  readonly #limits: UpstreamLimits;
  readonly #reading: Reading;
  #call: HttpCall | undefined;
  #status = 0;
  #kind: 'json' | 'stream' | 'other' = 'other';
  #parser: SseParser | undefined;
  #parts: Buffer[] = [];
  #bytes = 0;
  #done = false;

  constructor(limits: UpstreamLimits, reading: Reading) {
    this.#limits = limits;
    this.#reading = reading;
  }

  get streaming(): boolean {
    return this.#kind === 'stream' && !this.#done;
  }

  /** The reader may have finished while the call was being made. */
  attach(call: HttpCall): void {
    this.#call = call;
    if (this.#done) call.abort();
  }

  abort(): void {
    this.#done = true;
    this.#call?.abort();
  }

  hold(): void {
    this.#call?.pause();
  }

  go(): void {
    this.#call?.resume();
  }

  head(status: number, headers: HttpHeaders): void {
    this.#status = status;
    const type = String(headers['content-type'] ?? '');
    this.#kind = STREAM.test(type) ? 'stream' : JSON_TYPE.test(type) ? 'json' : 'other';
    const refusal = this.#reading.judge(status, headers) ?? this.#judgeBody(status, headers);
    if (refusal !== undefined) this.#finish(refusal);
    else if (this.#kind === 'stream') this.#parser = this.#newParser();
  }

  data(part: Buffer): void {
    if (this.#done) return;
    if (this.#parser !== undefined) {
      this.#parser.push(part);
      return;
    }
    this.#bytes += part.length;
    if (this.#bytes > this.#limits.answer_bytes_max) this.#finish(this.#tooLarge());
    else if (this.#kind === 'json') this.#parts.push(part);
  }

  end(): void {
    if (this.#done) return;
    if (this.#kind === 'json' && this.#bytes > 0) {
      const body = this.#parts.length === 1 ? (this.#parts[0] as Buffer) : Buffer.concat(this.#parts);
      this.#reading.message(readMessage(body), body.length, this.#status);
    }
    this.#finish(undefined);
  }

  failed(failure: HttpFailure): void {
    const code = failure.timed_out ? 'upstream_timed_out' : failure.sent ? 'upstream_failed' : 'upstream_unavailable';
    this.#finish(refuse(code, failure.reason), failure);
  }

  #judgeBody(status: number, headers: HttpHeaders): Refusal | undefined {
    const encoding = headers['content-encoding'];
    // It was asked not to. Unpacking is where a small answer becomes a large one.
    if (encoding !== undefined && encoding !== 'identity') {
      return refuse('upstream_failed', 'the answer is compressed, which was not asked for');
    }
    if (status >= 300 && status < 400)
      return refuse('upstream_failed', `a redirect (${status}), which is not followed`);
    const announced = Number(headers['content-length'] ?? 0);
    return this.#kind !== 'stream' && announced > this.#limits.answer_bytes_max ? this.#tooLarge() : undefined;
  }

  #newParser(): SseParser {
    return new SseParser(this.#limits.answer_bytes_max, {
      event: ({ id, data }) => {
        if (this.#done) return;
        if (id !== undefined) this.#reading.position(id);
        if (data.length > 0) this.#reading.message(readMessage(data), data.length, this.#status);
      },
      retry: (retry_ms) => this.#reading.pause(retry_ms),
      tooLarge: () => this.#finish(this.#tooLarge()),
    });
  }

  #tooLarge(): Refusal {
    return refuse('answer_too_large', `a message over ${this.#limits.answer_bytes_max} bytes`);
  }

  #finish(refusal: Refusal | undefined, failure?: HttpFailure): void {
    if (this.#done) return;
    this.#done = true;
    this.#parts = [];
    if (failure === undefined && refusal !== undefined) this.#call?.abort();
    this.#reading.finished({ refusal, streamed: this.#kind === 'stream', failure });
  }
}
