import { type JsonObject, writeJson } from '../../../core/json.ts';
import { type Refusal, refuse } from '../../../core/refusal.ts';
import { Secret } from '../../../core/secret.ts';
import { type Masker, maskerOf } from '../../../core/secret-forms.ts';
import type { Child, ChildEnd, Egress, Program } from '../../../enforcement/index.ts';
import type { ExchangeIo, UpstreamNotification, UpstreamReply, UpstreamRequest } from '../upstream.ts';
import { Exchange, type Respond } from './exchange.ts';
import { LINES_PER_SECOND_MAX, OVERLONG_BYTES_MAX, SLOW_MS } from './limits.ts';
import { LineReader } from './lines.ts';
import { type Agreed, type Heard, isListChange, type Link, type LinkContext, Listeners, mayAsk } from './link.ts';
import { INVALID_REQUEST, type Incoming, noSuchMethod, readMessage, writeAnswer } from './messages.ts';
import { Rate } from './rate.ts';
import { masked, withoutScheme } from './shown.ts';

const LF = 0x0a;
const SUBSCRIPTION = 'io.modelcontextprotocol/subscriptionId';
const OWN_ID = /"id"\s*:\s*(\d{1,15})\s*[,}]/g;

/** The gateway reads lists beside an agent's call, also in its session; nobody is asked anything in the middle of one. */
function isAskedIn({ method }: Exchange): boolean {
  return !method.endsWith('/list');
}

/**
 * One child process. All that it writes shares one channel, so who owns a frame is said by the frame: the progress token,
 * the subscription, or, where it says nothing, the only exchange in flight. With several in flight such a request is
 * refused: asking the wrong agent would show one run what another is doing.
 */
export class StdioLink implements Link {
  readonly #context: LinkContext;
  readonly #child: Child;
  readonly #mask: Masker | undefined;
  readonly #pending = new Map<number, Exchange>();
  /** Requests of the server's that it may still cancel. */
  readonly #asked = new Map<number | string, { cancelled: boolean }>();
  readonly #heard = new Listeners<[string, JsonObject]>();
  readonly #closing = new Listeners<[string]>();
  #closed: string | undefined;
  #agreed: Agreed | undefined;
  readonly #rate: Rate;
  readonly #lines: Rate;
  #slowed = false;

  constructor(egress: Egress, program: Omit<Program, 'output'>, context: LinkContext, secrets: readonly Secret[] = []) {
    this.#context = context;
    const given = Object.values(program.env).filter((value) => value instanceof Secret);
    this.#mask = maskerOf([...given.map(withoutScheme), ...secrets]);
    this.#rate = new Rate(context.clock, context.limits.frames_per_second_max);
    this.#lines = new Rate(context.clock, LINES_PER_SECOND_MAX);
    const { answer_bytes_max } = context.limits;
    const reader = new LineReader(
      { line_bytes_max: answer_bytes_max, skip_bytes_max: answer_bytes_max + OVERLONG_BYTES_MAX },
      {
        line: (line) => this.#line(line),
        overlong: (ends) => this.#overlong(ends),
        endless: () => {
          this.#failAll(this.#tooLarge());
          this.close('it wrote a line without end');
        },
      },
    );
    this.#child = egress.launch({
      ...program,
      output: { data: (part) => reader.push(part), ended: (end) => this.#ended(describeEnd(end), end.started) },
    });
  }

  get closed(): boolean {
    return this.#closed !== undefined;
  }

  get in_flight(): number {
    return this.#pending.size;
  }

  readonly last_status = undefined;

  async exchange(request: UpstreamRequest, io: ExchangeIo, answer_ms_max?: number): Promise<UpstreamReply | Refusal> {
    if (this.#closed !== undefined) return refuse('upstream_unavailable', this.#closed);
    if (this.#pending.size >= this.#context.limits.requests_max) {
      return refuse('upstream_unavailable', `${this.#pending.size} requests are in flight in one session`);
    }
    if (this.#pending.has(request.id)) return refuse('request_malformed', 'the id is in use');
    const exchange = new Exchange(request, io, this.#context, answer_ms_max);
    let sent = false;
    this.#pending.set(request.id, exchange);
    exchange.begin((cancelled) => {
      this.#pending.delete(request.id);
      // 2025-11-25, cancellation: anything but `initialize`.
      if (cancelled && sent && request.method !== 'initialize') this.#cancel(request.id);
    });
    if (!exchange.ended) {
      const unsent = this.#write(request.bytes);
      if (unsent !== undefined) exchange.fail(unsent);
      else sent = true;
    }
    return exchange.done;
  }

  async notify({ bytes }: UpstreamNotification): Promise<Refusal | undefined> {
    return this.#write(bytes);
  }

  adopt(agreed: Agreed | undefined): void {
    this.#agreed = agreed;
  }

  hear(heard: Heard, standing?: () => void): () => void {
    standing?.();
    return this.#heard.add(heard);
  }

  onClose(ended: (why: string) => void): void {
    if (this.#closed === undefined) this.#closing.add(ended);
    else ended(this.#closed);
  }

  close(why: string): void {
    this.#ended(why, true);
    void this.#child.close();
  }

  /** The line break is what separates messages; one inside would let an argument be a message of its own. */
  #write(bytes: Uint8Array): Refusal | undefined {
    if (this.#closed !== undefined) return refuse('upstream_unavailable', this.#closed);
    if (bytes.includes(LF)) return refuse('request_malformed', 'a message over stdio may not contain a line break');
    const line = Buffer.allocUnsafe(bytes.length + 1);
    line.set(bytes);
    line[bytes.length] = LF;
    return this.#child.write(line) ? undefined : refuse('upstream_unavailable', 'it does not read its input');
  }

  #cancel(id: number): void {
    const params = { requestId: id, reason: 'cancelled' };
    this.#write(writeJson({ jsonrpc: '2.0', method: 'notifications/cancelled', params }));
  }

  #line(line: Buffer): void {
    if (this.#closed !== undefined) return;
    this.#slowDown();
    const message = masked(readMessage(line), this.#mask);
    if (message.kind === 'answer') this.#answer(message, line.length);
    else if (message.kind === 'request') this.#request(message, line.length);
    else if (message.kind === 'notification') this.#notification(message, line.length);
    else this.#context.dropped();
  }

  /** Reading costs time that all runs share. A child that writes more than it may is read at that pace. */
  #slowDown(): void {
    if (this.#lines.admit() || this.#slowed) return;
    this.#slowed = true;
    this.#child.pause();
    this.#context.clock.after(SLOW_MS, () => {
      this.#slowed = false;
      this.#child.resume();
    });
  }

  #answer({ id, outcome }: Incoming & { kind: 'answer' }, bytes: number): void {
    const exchange = id === null ? undefined : this.#pending.get(id);
    if (exchange === undefined) this.#context.dropped();
    else exchange.answer(outcome, bytes);
  }

  #request({ id, method, params }: Incoming & { kind: 'request' }, bytes: number): void {
    // 2026-07-28, stdio: the server must not write requests, and nobody may answer them.
    if (this.#era() === '2026-07-28') {
      this.#context.dropped();
      return;
    }
    const respond: Respond = (outcome) => {
      const cancelled = this.#asked.get(id)?.cancelled === true;
      this.#asked.delete(id);
      if (!cancelled) this.#write(writeJson(writeAnswer(id, outcome)));
    };
    if (method === 'ping') {
      respond({ kind: 'result', result: {} });
      return;
    }
    if (!mayAsk(this.#agreed, method)) {
      respond(noSuchMethod());
      return;
    }
    const owner = this.#only(isAskedIn);
    if (owner === undefined || this.#asked.has(id)) {
      const message = 'This request belongs to no call in progress.';
      respond({ kind: 'error', error: { code: INVALID_REQUEST, message } });
      return;
    }
    this.#asked.set(id, { cancelled: false });
    owner.request(method, params, bytes, respond);
  }

  #notification({ method, params }: Incoming & { kind: 'notification' }, bytes: number): void {
    if (isListChange(method)) this.#context.listChanged();
    if (method === 'notifications/cancelled') {
      this.#cancelled(params);
      return;
    }
    const owner = this.#ownerOf(params);
    if (owner !== undefined) {
      owner.notification(method, params, bytes);
      return;
    }
    if (namesOwner(params)) {
      this.#context.dropped();
      return;
    }
    const only = isOfExchange(method) ? this.#only() : undefined;
    if (only !== undefined) only.notification(method, params, bytes);
    else if (this.#heard.size > 0 && this.#rate.admit()) this.#heard.call(method, params);
    else this.#context.dropped();
  }

  /** By 2026-07-28 the end of a subscription, before that the end of a request of the server's own. */
  #cancelled(params: JsonObject): void {
    const id = params['requestId'];
    const asked = typeof id === 'number' || typeof id === 'string' ? this.#asked.get(id) : undefined;
    const subscription = typeof id === 'number' ? this.#pending.get(id) : undefined;
    if (this.#era() === '2026-07-28' && subscription?.lasting) {
      subscription.fail(refuse('upstream_failed', 'the server ended the subscription'));
    } else if (this.#era() === '2025-11-25' && asked !== undefined) asked.cancelled = true;
    else this.#context.dropped();
  }

  #era(): Agreed['era'] {
    return this.#agreed?.era ?? '2025-11-25';
  }

  #ownerOf(params: JsonObject): Exchange | undefined {
    const token = params['progressToken'] ?? (params['_meta'] as JsonObject | undefined)?.[SUBSCRIPTION];
    return typeof token === 'number' ? this.#pending.get(token) : undefined;
  }

  /** The only exchange in flight, subscriptions aside: they own what names them and nothing else. */
  #only(counts: (exchange: Exchange) => boolean = () => true): Exchange | undefined {
    let only: Exchange | undefined;
    for (const exchange of this.#pending.values()) {
      if (exchange.lasting || !counts(exchange)) continue;
      if (only !== undefined) return undefined;
      only = exchange;
    }
    return only;
  }

  #overlong(ends: Buffer): void {
    const ids = [...ends.toString('latin1').matchAll(OWN_ID)].map((match) => Number(match[1]));
    const named = ids.map((id) => this.#pending.get(id)).find((exchange) => exchange !== undefined);
    const owner = named ?? this.#only();
    if (owner !== undefined) owner.fail(this.#tooLarge());
    // Whose it was cannot be told; waiting would keep each of them until its time is up.
    else this.#failAll(this.#tooLarge());
  }

  #tooLarge(): Refusal {
    return refuse('answer_too_large', `a message over ${this.#context.limits.answer_bytes_max} bytes`);
  }

  #failAll(refusal: Refusal): void {
    for (const exchange of [...this.#pending.values()]) exchange.fail(refusal);
  }

  #ended(why: string, started: boolean): void {
    if (this.#closed !== undefined) return;
    this.#closed = why;
    const code = started ? 'upstream_failed' : 'upstream_unavailable';
    this.#failAll(refuse(code, why));
    this.#asked.clear();
    this.#closing.call(why);
  }
}

/** Log lines and progress are said in the course of something; changes of lists and resources are said of the server. */
function isOfExchange(method: string): boolean {
  return !isListChange(method) && method !== 'notifications/resources/updated';
}

function namesOwner(params: JsonObject): boolean {
  return (
    params['progressToken'] !== undefined || (params['_meta'] as JsonObject | undefined)?.[SUBSCRIPTION] !== undefined
  );
}

function describeEnd({ started, reason, words }: ChildEnd): string {
  const what = started ? `the process ${reason}` : `the process could not be started: ${reason}`;
  return words === '' ? what : `${what}; its last words: ${words}`;
}
