import type { Clock } from '../../../core/clock.ts';
import type { JsonObject } from '../../../core/json.ts';
import type { Refusal } from '../../../core/refusal.ts';
import type { ExchangeIo, UpstreamLimits, UpstreamNotification, UpstreamReply, UpstreamRequest } from '../upstream.ts';

/**
 * A way to one server, over stdio or HTTP: it carries messages and knows which belong together. What the messages mean,
 * and which era they are of, is decided by whoever shakes hands over it.
 */
export interface Link {
  readonly closed: boolean;
  readonly in_flight: number;
  /** `answer_ms_max` in place of the server's own, for what is part of opening it. */
  exchange(request: UpstreamRequest, io: ExchangeIo, answer_ms_max?: number): Promise<UpstreamReply | Refusal>;
  notify(notification: UpstreamNotification): Promise<Refusal | undefined>;
  /** Of the latest HTTP answer. */
  readonly last_status: number | undefined;
  /** `version` is what was agreed on, within the era; `undefined` until then. */
  adopt(agreed: Agreed | undefined): void;
  /** Notifications that belong to no exchange. `standing` is called when there is a way for them, or will be none. */
  hear(heard: Heard, standing?: () => void): () => void;
  /** Called at once where it has closed already. */
  onClose(ended: (why: string) => void): void;
  close(why: string): void;
}

export type Agreed = {
  era: '2026-07-28' | '2025-11-25';
  version: string;
  /** What the client declared: whoever did not declare it is not asked for it. Empty in 2026-07-28. */
  capabilities: JsonObject;
};
export type Heard = (method: string, params: JsonObject) => void;

export type LinkContext = {
  clock: Clock;
  limits: UpstreamLimits;
  dropped(): void;
  /** Every notification that says that a list changed, whoever else it goes to. */
  listChanged(): void;
};

const NEEDS: Readonly<Record<string, string>> = {
  'sampling/createMessage': 'sampling',
  'elicitation/create': 'elicitation',
  'roots/list': 'roots',
};

/** 2025-11-25, lifecycle: only what was negotiated. A server may try; it is told that there is no such method. */
export function mayAsk(agreed: Agreed | undefined, method: string): boolean {
  const needs = Object.hasOwn(NEEDS, method) ? NEEDS[method] : undefined;
  return needs !== undefined && agreed?.capabilities[needs] !== undefined;
}

export function isListChange(method: string): boolean {
  return method.startsWith('notifications/') && method.endsWith('/list_changed');
}

/** Listeners that come and go. One that throws is a bug and must not silence the others. */
export class Listeners<A extends readonly unknown[]> {
  readonly #all = new Set<(...args: A) => void>();

  get size(): number {
    return this.#all.size;
  }

  add(listener: (...args: A) => void): () => void {
    this.#all.add(listener);
    return () => void this.#all.delete(listener);
  }

  call(...args: A): void {
    for (const listener of this.#all) listener(...args);
  }
}
