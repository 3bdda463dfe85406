import type { Clock } from '../../../core/clock.ts';
import type { JsonObject } from '../../../core/json.ts';
import { type Refusal, refuse } from '../../../core/refusal.ts';
import type { ExchangeIo, RpcOutcome, UpstreamLimits, UpstreamReply, UpstreamRequest } from '../upstream.ts';
import { ASKED_MAX } from './limits.ts';
import { INTERNAL_ERROR, INVALID_REQUEST } from './messages.ts';
import { Rate } from './rate.ts';

export type Respond = (outcome: RpcOutcome) => void;

/** What an exchange needs of the session that it belongs to. */
export type Surroundings = {
  clock: Clock;
  limits: UpstreamLimits;
  /** A frame was dropped. */
  dropped(): void;
};

/** Stops and starts the reading of this exchange's stream, where it has one of its own. */
export type Flow = { hold(): void; go(): void };

type Frame =
  | { kind: 'notification'; method: string; params: JsonObject; bytes: number }
  | { kind: 'request'; method: string; params: JsonObject; bytes: number; respond: Respond };

/**
 * One request to an upstream, from its sending to its answer. Frames are handed to the agent's side one after the other,
 * each when the one before was taken; the answer comes last. Whatever comes after the end, too much of anything, and
 * anything too late ends here.
 */
export class Exchange {
  readonly id: number;
  readonly method: string;
  /** A stream that is meant to stay open: neither its length nor its time is bounded, only its rate and its backlog. */
  readonly lasting: boolean;
  readonly done: Promise<UpstreamReply | Refusal>;
  flow: Flow | undefined;
  readonly #io: ExchangeIo;
  readonly #around: Surroundings;
  #resolve!: (reply: UpstreamReply | Refusal) => void;
  #release: ((cancelled: boolean) => void) | undefined;
  readonly #queue: Frame[] = [];
  #paused = false;
  #waiting_bytes = 0;
  #frames = 0;
  #rate: Rate | undefined;
  #busy = false;
  #asked = 0;
  #last: UpstreamReply | undefined;
  #ended = false;
  readonly #answer_ms_max: number;
  #remaining_ms: number;
  #timer: { cancel(): void; since: number } | undefined;
  #forget: (() => void) | undefined;

  constructor(
    request: UpstreamRequest,
    io: ExchangeIo,
    around: Surroundings,
    answer_ms_max = around.limits.answer_ms_max,
  ) {
    this.id = request.id;
    this.method = request.method;
    this.lasting = request.method === 'subscriptions/listen';
    this.#io = io;
    this.#around = around;
    this.#answer_ms_max = answer_ms_max;
    this.#remaining_ms = answer_ms_max;
    this.done = new Promise((resolve) => {
      this.#resolve = resolve;
    });
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** `release` runs once, at the end; `cancelled` asks it to tell the upstream. */
  begin(release: (cancelled: boolean) => void): void {
    this.#release = release;
    this.#forget = this.#io.cancellation.onCancel(() => {
      this.#finish(refuse('upstream_failed', 'the exchange was cancelled'), true);
    });
    this.#startTimer();
  }

  notification(method: string, params: JsonObject, bytes: number): void {
    if (!this.#admit(bytes)) return;
    if (this.lasting) this.#stopTimer();
    this.#push({ kind: 'notification', method, params, bytes });
  }

  request(method: string, params: JsonObject, bytes: number, respond: Respond): void {
    if (this.#asked >= ASKED_MAX || !this.#admit(bytes)) {
      respond(problem(INVALID_REQUEST, 'Too many requests at one time.'));
      return;
    }
    this.#push({ kind: 'request', method, params, bytes, respond });
  }

  answer(outcome: RpcOutcome, bytes: number, http?: number): void {
    if (this.#ended || this.#last !== undefined) {
      this.#around.dropped();
      return;
    }
    const reply: UpstreamReply = http === undefined ? { ...outcome, bytes } : { ...outcome, bytes, http };
    if (this.#busy || this.#queue.length > 0) this.#last = reply;
    else this.#finish(reply, false);
  }

  /** Nothing more can come from upstream. What has come is still handed over. */
  fail(refusal: Refusal): void {
    if (this.#last === undefined) this.#finish(refusal, false);
  }

  paused(retry_ms: number): void {
    if (!this.#ended) this.#io.onPause?.(retry_ms);
  }

  #admit(bytes: number): boolean {
    if (this.#ended || this.#last !== undefined) {
      this.#around.dropped();
      return false;
    }
    const { frames_max, frames_per_second_max, waiting_bytes_max } = this.#around.limits;
    this.#frames += 1;
    if (this.#frames > frames_max && !this.lasting) {
      this.#finish(refuse('upstream_failed', `more than ${frames_max} notifications in one exchange`), true);
      return false;
    }
    this.#rate ??= new Rate(this.#around.clock, frames_per_second_max);
    if (this.#rate.admit() && this.#waiting_bytes + bytes <= waiting_bytes_max) return true;
    this.#around.dropped();
    return false;
  }

  #push(frame: Frame): void {
    this.#queue.push(frame);
    this.#waiting_bytes += frame.bytes;
    if (!this.#busy) this.#drain();
    if (this.#paused || this.#waiting_bytes <= this.#around.limits.waiting_bytes_max / 2) return;
    this.#paused = true;
    this.flow?.hold();
  }

  #drain(): void {
    for (let frame = this.#queue.shift(); frame !== undefined && !this.#ended; frame = this.#queue.shift()) {
      this.#waiting_bytes -= frame.bytes;
      const taken = frame.kind === 'request' ? this.#ask(frame) : this.#tell(frame);
      if (taken === undefined) continue;
      this.#busy = true;
      void taken.then(() => {
        this.#busy = false;
        this.#drain();
      });
      return;
    }
    if (this.#last !== undefined && !this.#ended) this.#finish(this.#last, false);
    if (!this.#paused) return;
    this.#paused = false;
    this.flow?.go();
  }

  #tell(frame: Frame): Promise<void> | undefined {
    try {
      return this.#io.onNotification(frame.method, frame.params)?.catch(() => this.#lost());
    } catch {
      this.#lost();
      return undefined;
    }
  }

  /** Asks the agent's side and goes on reading. The upstream is not late while it waits for us. */
  #ask({ method, params, respond }: Frame & { kind: 'request' }): undefined {
    this.#asked += 1;
    this.#stopTimer();
    void Promise.resolve()
      .then(() => this.#io.onRequest(method, params))
      .catch((): RpcOutcome => problem(INTERNAL_ERROR, 'The request could not be passed on.'))
      .then((outcome) => {
        this.#asked -= 1;
        if (this.#ended) return;
        if (this.#asked === 0) this.#startTimer();
        respond(outcome);
      });
  }

  #lost(): void {
    this.#finish(refuse('upstream_failed', 'a notification could not be passed on'), true);
  }

  #startTimer(): void {
    if (this.#timer !== undefined || this.#ended) return;
    const { clock } = this.#around;
    const cancel = clock.after(this.#remaining_ms, () => this.#late());
    this.#timer = { cancel, since: clock.monotonic() };
  }

  #stopTimer(): void {
    if (this.#timer === undefined) return;
    this.#timer.cancel();
    this.#remaining_ms = Math.max(1, this.#remaining_ms - (this.#around.clock.monotonic() - this.#timer.since));
    this.#timer = undefined;
  }

  #late(): void {
    this.#finish(refuse('upstream_timed_out', `no answer within ${this.#answer_ms_max} ms`), true);
  }

  #finish(reply: UpstreamReply | Refusal, cancel: boolean): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#timer?.cancel();
    this.#queue.length = 0;
    this.#forget?.();
    this.#release?.(cancel);
    this.#resolve(reply);
  }
}

function problem(code: number, message: string): RpcOutcome {
  return { kind: 'error', error: { code, message } };
}
