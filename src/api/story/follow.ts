import type { LoggedReceipt } from '../../controls/audit/index.ts';
import type { Clock } from '../../core/clock.ts';
import type { Exchange, Filters, LiveEvent } from '../contract/index.ts';
import type { StreamEvent } from '../handler.ts';
import type { LedgerPort } from '../ports.ts';
import { isFirst, matches, summarise } from './summary.ts';

const PAGE = 200;
const IDLE_MS = 1_000;
/** Exchanges whose outcome is waited for. Beyond it the oldest are forgotten: their outcome is told by receipt alone. */
const OPEN_MAX = 10_000;

type Following = {
  clock: Clock;
  ledger: LedgerPort;
  after: number;
  filters: Filters;
  under: string;
  signal: AbortSignal;
};

/** The log as it grows, told as exchanges. Ids are log indices, so a reader takes it up again where it broke off. */
export async function* follow(from: Following): AsyncGenerator<StreamEvent | 'idle'> {
  const teller = new Teller(from.filters);
  const bell = new Bell(from.clock, from.signal);
  const stop = from.ledger.onGrowth(() => bell.ring());
  let after = from.after;
  try {
    while (!from.signal.aborted) {
      const { receipts } = await from.ledger.feed(after, PAGE, { reader: { under: from.under } });
      for (const logged of receipts) {
        after = logged.index ?? after;
        const event = teller.tell(logged);
        if (event !== undefined) yield { id: after, event };
      }
      if (receipts.length > 0) continue;
      yield 'idle';
      await bell.wait();
    }
  } finally {
    stop();
  }
}

/** Joins outcomes to the exchanges that they end, which may have begun long before. */
class Teller {
  readonly #filters: Filters;
  readonly #open = new Map<string, { logged: LoggedReceipt; exchange: Exchange }>();
  readonly #filtered: boolean;

  constructor(filters: Filters) {
    this.#filters = filters;
    this.#filtered = Object.values(filters).some((wanted) => wanted !== undefined);
  }

  tell(logged: LoggedReceipt): LiveEvent | undefined {
    const { receipt } = logged;
    if (isFirst(receipt)) {
      const exchange = summarise(logged, receipt, undefined);
      if (receipt.kind === 'intent') this.#remember(logged, exchange);
      return this.#wanted(exchange);
    }
    if (receipt.kind === 'outcome') return this.#ended(receipt);
    if (this.#filtered) return undefined;
    if (receipt.kind === 'flood')
      return { type: 'flood', code: receipt.code, count: receipt.count, time: receipt.time };
    if (receipt.kind !== 'control') return undefined;
    const { id, event, by, subject, time } = receipt;
    return { type: 'control', receipt: id, event, by, subject, time };
  }

  #ended(receipt: LoggedReceipt['receipt'] & { kind: 'outcome' }): LiveEvent | undefined {
    const { intent, outcome, duration_us } = receipt;
    const begun = this.#open.get(intent);
    this.#open.delete(intent);
    if (begun !== undefined) return this.#wanted({ ...begun.exchange, state: outcome, duration_us });
    // It began before this stream did; whoever shows it knows it by its receipt.
    return { type: 'outcome', receipt: intent, state: outcome, duration_us };
  }

  #wanted(exchange: Exchange): LiveEvent | undefined {
    return matches(exchange, this.#filters) ? { type: 'exchange', exchange } : undefined;
  }

  #remember(logged: LoggedReceipt, exchange: Exchange): void {
    this.#open.set(exchange.receipt, { logged, exchange });
    if (this.#open.size <= OPEN_MAX) return;
    const oldest = this.#open.keys().next();
    if (!oldest.done) this.#open.delete(oldest.value);
  }
}

/** Waits for growth, for a moment, or for the reader to go. A ring while nobody waits is kept. */
class Bell {
  readonly #clock: Clock;
  #rung = false;
  #wake: (() => void) | undefined;

  constructor(clock: Clock, signal: AbortSignal) {
    this.#clock = clock;
    signal.addEventListener('abort', () => this.ring(), { once: true });
  }

  ring(): void {
    this.#rung = true;
    this.#wake?.();
  }

  async wait(): Promise<void> {
    if (!this.#rung) {
      await new Promise<void>((resolve) => {
        const cancel = this.#clock.after(IDLE_MS, resolve);
        this.#wake = () => {
          cancel();
          resolve();
        };
      });
    }
    this.#wake = undefined;
    this.#rung = false;
  }
}
