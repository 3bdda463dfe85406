import { isRefusal, type Refusal, refuse } from '../../../core/refusal.ts';
import { isStorageError, type Transaction } from '../../../storage/index.ts';
import type { PolicyParts } from '../open.ts';
import { endObserving, readObserving, writeObserving } from './store.ts';

/**
 * Enforcing or observing. While it observes, what policy refuses is let through and recorded as refused: for a day at most,
 * by a person who showed presence, and for nothing but policy's own decision. What cannot be read enforces.
 */
export type Observing = {
  /** Milliseconds since the Unix epoch, by the database's clock. */
  since: number;
  until: number;
  by: string;
  reason: string;
};

export interface ModeSwitch {
  /** While it observes; undefined while it enforces. Synchronous: asked by every decision. */
  observing(): Observing | undefined;
  /** The caller has checked presence. Another period takes the place of one that runs. */
  observe(minutes: number, by: string, reason: string): Promise<Observing | Refusal>;
  /** @returns the period that it ended; undefined where it enforced already. */
  enforce(by: string, reason: string): Promise<Observing | Refusal | undefined>;
  close(): Promise<void>;
}

export const OBSERVING_MINUTES_MAX = 24 * 60;
const MINUTE_MS = 60_000;
const TOPIC = 'mode';
const RETRY_MS = 5_000;

export type ModeParts = Pick<PolicyParts, 'db' | 'clock' | 'now' | 'state' | 'record' | 'report'>;

/** Call it before `state.start()`: its listener must hear the first poll. */
export async function openMode(parts: ModeParts): Promise<ModeSwitch> {
  const mode = new Mode(parts);
  await mode.start();
  return mode;
}

class Mode implements ModeSwitch {
  readonly #parts: ModeParts;
  #period: Observing | undefined;
  #endTimer: () => void = () => {};
  #endListening: () => void = () => {};
  #work: Promise<unknown> = Promise.resolve();
  #closed = false;

  constructor(parts: ModeParts) {
    this.#parts = parts;
  }

  async start(): Promise<void> {
    await this.#follow();
    this.#endListening = this.#parts.state.onChange(async (_version, topics) => {
      if (topics.has(TOPIC)) await this.#follow();
    });
  }

  observing(): Observing | undefined {
    const period = this.#period;
    return period !== undefined && this.#parts.now() < period.until ? period : undefined;
  }

  async observe(minutes: number, by: string, reason: string): Promise<Observing | Refusal> {
    if (!Number.isInteger(minutes) || minutes < 1 || minutes > OBSERVING_MINUTES_MAX) {
      return refuse('input_invalid', `observing lasts from 1 to ${OBSERVING_MINUTES_MAX} minutes`);
    }
    return this.#change(async (tx) => {
      const since = await tx.now();
      const period = { since, until: since + minutes * MINUTE_MS, by, reason };
      await writeObserving(tx, period);
      const payload = { why: reason, until: period.until };
      await this.#parts.record(tx, { event: 'mode.observe', by, ...BOTH, payload });
      return period;
    });
  }

  async enforce(by: string, reason: string): Promise<Observing | Refusal | undefined> {
    return this.#change((tx) => this.#end(tx, by, reason));
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#endTimer();
    this.#endListening();
    await this.#work;
  }

  async #end(tx: Transaction, by: string, reason: string): Promise<Observing | undefined> {
    const period = await readObserving(tx);
    if (period === undefined) return undefined;
    await endObserving(tx);
    const { after: before, before: after } = BOTH;
    await this.#parts.record(tx, { event: 'mode.enforce', by, subject: null, before, after, payload: { why: reason } });
    return period;
  }

  async #change<T>(work: (tx: Transaction) => Promise<T>): Promise<T | Refusal> {
    const { db, state } = this.#parts;
    const done = await db
      .transaction(async (tx) => {
        await state.bump(tx, TOPIC);
        return work(tx);
      })
      .catch((error: unknown) => {
        if (!isStorageError(error)) throw error;
        return refuse('log_unavailable', `the change of mode could not be made durable: ${error.message}`);
      });
    if (!isRefusal(done)) await this.#follow();
    return done;
  }

  /** A throw lets the lease lapse: better no forwarding than by a mode that is over. */
  async #follow(): Promise<void> {
    const period = await readObserving(this.#parts.db);
    this.#period = period && {
      ...period,
      until: Math.min(period.until, period.since + OBSERVING_MINUTES_MAX * MINUTE_MS),
    };
    this.#endTimer();
    if (this.#period === undefined || this.#closed) return;
    this.#awaitEnd(Math.max(0, this.#period.until - this.#parts.now()));
  }

  #awaitEnd(delay_ms: number): void {
    this.#endTimer = this.#parts.clock.after(delay_ms, () => {
      this.#work = this.#expire().catch((error: unknown) => {
        this.#parts.report('the end of observing could not be recorded; it enforces all the same', error);
        if (!this.#closed) this.#awaitEnd(RETRY_MS);
      });
    });
  }

  /** It enforces from its last millisecond on, whoever writes it down: of several replicas the first. */
  async #expire(): Promise<void> {
    const { db } = this.#parts;
    const isOver = (period: Observing | undefined, now: number): boolean => period !== undefined && period.until <= now;
    const period = await readObserving(db);
    if (period === undefined) return this.#follow();
    const left_ms = period.until - (await db.now());
    if (left_ms > 0) return this.#awaitEnd(left_ms);
    const ended = await this.#change(async (tx) =>
      isOver(await readObserving(tx), await tx.now()) ? this.#end(tx, 'gateway', 'its time was up') : undefined,
    );
    if (isRefusal(ended)) throw new Error(ended.reason);
  }
}

const BOTH = { subject: null, before: 'enforcing', after: 'observing' } as const;
