import type { Clock } from '../../../core/clock.ts';
import { type Refusal, refuse } from '../../../core/refusal.ts';
import { BACKOFF_MS_MAX, BACKOFF_MS_MIN, STEADY_MS } from './limits.ts';

type Entry = { failures: number; retry_at: number; why: string; refusal: Refusal | undefined };

/** Remembered keys; the oldest is forgotten, which costs an attempt and nothing else. */
const KEYS_MAX = 1_024;

/**
 * Who must wait before the next attempt. A server that cannot be opened keeps everybody waiting; a session that broke keeps
 * only its own run waiting, so that a run which crashes its child on purpose does not take the server from the others.
 */
export class Backoff {
  readonly #clock: Clock;
  readonly #entries = new Map<string, Entry>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The refusal for as long as it lasts. */
  waiting(key: string): Refusal | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    const left_ms = entry.retry_at - this.#clock.monotonic();
    if (left_ms <= 0) return undefined;
    if (entry.refusal !== undefined) return entry.refusal;
    return refuse('upstream_unavailable', `not tried again for ${Math.ceil(left_ms)} ms, after: ${entry.why}`);
  }

  /** `refusal`: said again while it lasts, where whoever waits can do something about it. */
  failed(key: string, why: string, { lasted_ms = 0, refusal }: { lasted_ms?: number; refusal?: Refusal } = {}): void {
    const before = lasted_ms >= STEADY_MS ? 0 : (this.#entries.get(key)?.failures ?? 0);
    const wait_ms = Math.min(BACKOFF_MS_MIN * 2 ** before, BACKOFF_MS_MAX);
    this.#entries.delete(key);
    this.#entries.set(key, { failures: before + 1, retry_at: this.#clock.monotonic() + wait_ms, why, refusal });
    if (this.#entries.size > KEYS_MAX) this.#entries.delete(this.#entries.keys().next().value as string);
  }

  recovered(key: string): void {
    this.#entries.delete(key);
  }
}
