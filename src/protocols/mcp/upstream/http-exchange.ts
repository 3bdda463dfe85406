import { type Refusal, refuse } from '../../../core/refusal.ts';
import type { HttpFailure, HttpHeaders } from '../../../enforcement/index.ts';
import type { Exchange, Flow } from './exchange.ts';
import type { HttpLink } from './http-link.ts';
import { HttpReader, type Reading } from './http-stream.ts';
import { LINGER_MS_MAX, RESUMES_MAX, RETRY_MS_DEFAULT, RETRY_MS_MAX } from './limits.ts';
import { isListChange } from './link.ts';
import { type Incoming, noSuchMethod } from './messages.ts';
import { masked, type Shown } from './shown.ts';

/** One exchange over HTTP: the POST, its answer or stream, and in 2025-11-25 the streams that take it up again. */
export class HttpExchange implements Reading, Flow {
  readonly #link: HttpLink;
  readonly #exchange: Exchange;
  readonly #shown: Shown;
  #reader: HttpReader | undefined;
  #status = 0;
  #position: string | undefined;
  #retry_ms = RETRY_MS_DEFAULT;
  #resumes = 0;
  #answered = false;
  #waiting: (() => void) | undefined;
  #sent: { bytes: Uint8Array; headers: readonly string[] } | undefined;
  /** `now`: it is to be sent once more, which happens once. */
  #again: 'never' | 'now' | 'over' = 'never';

  constructor(link: HttpLink, exchange: Exchange, shown: Shown) {
    this.#link = link;
    this.#exchange = exchange;
    this.#shown = shown;
  }

  start(bytes: Uint8Array, headers: readonly string[]): void {
    this.#sent = { bytes, headers };
    this.#reader = new HttpReader(this.#link.context.limits, this);
    this.#link.post(bytes, headers, this.#reader, { shown: this.#shown, lasting: this.#exchange.lasting });
  }

  /** The exchange is over. Closing the stream is the cancellation in 2026-07-28; before, a notification is. */
  release(cancelled: boolean): void {
    this.#waiting?.();
    const reader = this.#reader;
    // Without one, nothing was sent.
    if (reader === undefined) return;
    if (cancelled) {
      reader.abort();
      this.#link.cancel(this.#exchange.id, this.#exchange.method, this.#shown);
    } else if (reader.streaming) {
      // The server should end its stream after the answer; then the socket can be used again.
      this.#waiting = this.#link.context.clock.after(LINGER_MS_MAX, () => reader.abort());
    }
  }

  hold(): void {
    this.#reader?.hold();
  }

  go(): void {
    this.#reader?.go();
  }

  judge(status: number, headers: HttpHeaders): Refusal | undefined {
    this.#status = status;
    const said = this.#link.judge(status, headers, this.#shown);
    if (said !== 'again') return said;
    if (this.#again === 'never') this.#again = 'now';
    return refuse('upstream_failed', 'the server wants another proof of the credential');
  }

  message(said: Incoming, bytes: number, status: number): void {
    const message = masked(said, this.#shown.mask);
    this.#resumes = 0;
    if (message.kind === 'answer') this.#answer(message, bytes, status);
    else if (message.kind === 'request') this.#request(message, bytes);
    else if (message.kind === 'notification') {
      if (isListChange(message.method)) this.#link.context.listChanged();
      this.#exchange.notification(message.method, message.params, bytes);
    } else if (this.#reader?.streaming) this.#link.context.dropped();
    else this.#exchange.fail(refuse('upstream_failed', `the answer is not a JSON-RPC message: ${message.why}`));
  }

  position(id: string): void {
    this.#position = id;
  }

  pause(retry_ms: number): void {
    this.#retry_ms = Math.min(retry_ms, RETRY_MS_MAX);
  }

  finished({ refusal, streamed, failure }: Parameters<Reading['finished']>[0]): void {
    if (this.#exchange.ended) {
      this.#waiting?.();
      return;
    }
    if (this.#answered) return;
    if (this.#again === 'now' && this.#sent !== undefined) {
      this.#again = 'over';
      this.start(this.#sent.bytes, this.#sent.headers);
    } else if (streamed && this.#mayResume(refusal, failure)) this.#resumeLater();
    else this.#exchange.fail(refusal ?? this.#unanswered(streamed));
  }

  #answer({ id, outcome }: Incoming & { kind: 'answer' }, bytes: number, status: number): void {
    // A server that refuses a request before it reads the id answers with none.
    const ours = id === this.#exchange.id || (id === null && status >= 400);
    if (!ours) {
      this.#link.context.dropped();
      return;
    }
    this.#answered = true;
    this.#exchange.answer(outcome, bytes, status);
    if (outcome.kind === 'error' && this.#link.era === '2026-07-28') this.#link.doubt(outcome.error.code);
  }

  #request({ id, method, params }: Incoming & { kind: 'request' }, bytes: number): void {
    // 2026-07-28: the server must not send requests on a stream, and nobody may answer them.
    if (this.#link.era === '2026-07-28') this.#link.context.dropped();
    else if (method === 'ping') this.#link.respond(id, { kind: 'result', result: {} }, this.#shown);
    else if (!this.#link.mayAsk(method)) this.#link.respond(id, noSuchMethod(), this.#shown);
    else this.#exchange.request(method, params, bytes, (outcome) => this.#link.respond(id, outcome, this.#shown));
  }

  #mayResume(refusal: Refusal | undefined, failure: HttpFailure | undefined): boolean {
    const broke = refusal === undefined || failure !== undefined;
    return broke && this.#link.era === '2025-11-25' && this.#position !== undefined && this.#resumes < RESUMES_MAX;
  }

  #resumeLater(): void {
    this.#resumes += 1;
    this.#exchange.paused(this.#retry_ms);
    this.#waiting = this.#link.context.clock.after(this.#retry_ms, () => {
      this.#waiting = undefined;
      if (this.#exchange.ended) return;
      this.#reader = new HttpReader(this.#link.context.limits, this);
      this.#link.get(this.#position, this.#reader, this.#shown);
    });
  }

  #unanswered(streamed: boolean): Refusal {
    const status = this.#status;
    if (status === 429 || status === 503) return refuse('upstream_unavailable', `the server is overloaded (${status})`);
    const what = streamed ? 'the stream ended without the answer' : `an HTTP answer (${status}) without the answer`;
    return refuse('upstream_failed', what);
  }
}
