import { isRefusal, type Refusal, refuse } from '../../../core/refusal.ts';
import type { HttpHeaders } from '../../../enforcement/index.ts';
import type { HttpLink } from './http-link.ts';
import { HttpReader, type Reading } from './http-stream.ts';
import { RESUMES_MAX, RETRY_MS_DEFAULT, RETRY_MS_MAX } from './limits.ts';
import { type Heard, isListChange } from './link.ts';
import { INVALID_REQUEST, type Incoming } from './messages.ts';
import { Rate } from './rate.ts';
import { masked, NOTHING_SHOWN, type Shown } from './shown.ts';

/** The stream of a 2025-11-25 session that belongs to no request. A server may have none, or end it at any time. */
export class HttpListening implements Reading {
  readonly #link: HttpLink;
  readonly #heard: Heard;
  readonly #rate: Rate;
  #reader: HttpReader | undefined;
  #position: string | undefined;
  #retry_ms = RETRY_MS_DEFAULT;
  #failures = 0;
  #waiting: (() => void) | undefined;
  #over = false;
  /** What the stream was opened with. */
  #shown: Shown = NOTHING_SHOWN;
  #stands = false;
  #standing: (() => void)[] = [];

  constructor(link: HttpLink, heard: Heard) {
    this.#link = link;
    this.#heard = heard;
    this.#rate = new Rate(link.context.clock, link.context.limits.frames_per_second_max);
    void this.#open();
  }

  close(): void {
    this.#over = true;
    this.#waiting?.();
    this.#reader?.abort();
  }

  /** Once the server has answered for the first time, with a stream or with none. */
  onceStanding(standing: () => void): void {
    if (this.#stands) standing();
    else this.#standing.push(standing);
  }

  judge(status: number, headers: HttpHeaders): Refusal | undefined {
    this.#stand();
    const ended = this.#link.judge(status, headers, this.#shown);
    // With what was learned, when it is opened anew.
    if (ended === 'again') return refuse('upstream_failed', 'the server wants another proof of the credential');
    if (ended !== undefined) return ended;
    if (status === 200) return undefined;
    // 405: it has no such stream. Anything else that is not one will not become one by asking again.
    this.#over = status < 500;
    return refuse('upstream_failed', `no stream of notifications (${status})`);
  }

  message(said: Incoming, _bytes: number): void {
    const message = masked(said, this.#shown.mask);
    this.#failures = 0;
    if (message.kind === 'notification' && this.#rate.admit()) {
      if (isListChange(message.method)) this.#link.context.listChanged();
      this.#heard(message.method, message.params);
    } else if (message.kind === 'request') this.#request(message);
    else this.#link.context.dropped();
  }

  position(id: string): void {
    this.#position = id;
  }

  pause(retry_ms: number): void {
    this.#retry_ms = Math.min(Math.max(retry_ms, RETRY_MS_DEFAULT), RETRY_MS_MAX);
  }

  finished(): void {
    this.#stand();
    if (this.#over || this.#link.closed) return;
    this.#failures += 1;
    const wait_ms = this.#failures > RESUMES_MAX ? RETRY_MS_MAX : this.#retry_ms;
    this.#waiting = this.#link.context.clock.after(wait_ms, () => void this.#open());
  }

  #stand(): void {
    this.#stands = true;
    for (const standing of this.#standing.splice(0)) standing();
  }

  async #open(): Promise<void> {
    const asked = this.#link.shown(this.#link.context.own);
    const shown = asked instanceof Promise ? await asked : asked;
    if (this.#over || this.#link.closed) return;
    // Nobody may listen now: that is asked again as if the server had ended the stream.
    if (isRefusal(shown)) return this.finished();
    this.#shown = shown;
    this.#reader = new HttpReader(this.#link.context.limits, this);
    this.#link.get(this.#position, this.#reader, shown);
  }

  #request({ id, method }: Incoming & { kind: 'request' }): void {
    if (method === 'ping') {
      this.#link.respond(id, { kind: 'result', result: {} }, this.#shown);
      return;
    }
    const message = 'This request belongs to no call in progress.';
    this.#link.respond(id, { kind: 'error', error: { code: INVALID_REQUEST, message } }, this.#shown);
  }
}
