import type { Clock } from '../../../core/clock.ts';
import type { JsonObject } from '../../../core/json.ts';
import type { Refusal } from '../../../core/refusal.ts';
import type {
  Era,
  ExchangeIo,
  UpstreamNotification,
  UpstreamReply,
  UpstreamRequest,
  UpstreamSession,
} from '../upstream.ts';
import type { Introduction } from './handshake.ts';
import type { Heard, Link } from './link.ts';

/** A link after the handshake. */
export class Session implements UpstreamSession {
  readonly server: string;
  readonly introduction: Introduction;
  readonly opened_at: number;
  readonly #clock: Clock;
  readonly #link: Link;
  #used_at: number;

  constructor(server: string, link: Link, introduction: Introduction, clock: Clock) {
    this.server = server;
    this.#link = link;
    this.introduction = introduction;
    this.#clock = clock;
    this.opened_at = clock.monotonic();
    this.#used_at = this.opened_at;
  }

  get era(): Era {
    return this.introduction.era;
  }

  get serverInfo(): JsonObject {
    return this.introduction.serverInfo;
  }

  get capabilities(): JsonObject {
    return this.introduction.capabilities;
  }

  get instructions(): string | undefined {
    return this.introduction.instructions;
  }

  get closed(): boolean {
    return this.#link.closed;
  }

  /** How long nobody has used it; 0 while something is in flight. */
  get idle_ms(): number {
    return this.#link.in_flight > 0 ? 0 : this.#clock.monotonic() - this.#used_at;
  }

  touch(): void {
    this.#used_at = this.#clock.monotonic();
  }

  send(request: UpstreamRequest, io: ExchangeIo): Promise<UpstreamReply | Refusal> {
    return this.#link.exchange(request, io).then((reply) => {
      this.touch();
      return reply;
    });
  }

  notify(notification: UpstreamNotification): Promise<Refusal | undefined> {
    this.touch();
    return this.#link.notify(notification);
  }

  listen(heard: Heard, standing?: () => void): () => void {
    return this.#link.hear(heard, standing);
  }

  onClose(ended: (why: string) => void): void {
    this.#link.onClose(ended);
  }

  close(why = 'closed'): void {
    this.#link.close(why);
  }
}
