import { Canceller } from '../core/cancellation.ts';
import type { Clock } from '../core/clock.ts';
import type { Decision } from '../core/decision.ts';
import type { Destination } from '../core/exchange.ts';
import type { Offered } from '../core/manifest.ts';
import type { Caller } from '../core/principal.ts';
import type { Refusal } from '../core/refusal.ts';

/** How late a stage or an exchange may be found to have taken too long. */
const LOOK_EVERY_MS = 50;

/** Why an exchange was ended from outside. */
export type CutCause = 'stopped' | 'caller_gone' | 'timed_out' | 'gateway_stopping';

/** One exchange in flight, with the handle that ends it. */
export class LiveExchange extends Canceller {
  /** Known after `check identity`. */
  caller: Caller | undefined;
  /** Known after `parse intent`. */
  destination: Destination | undefined;
  /** Known after `check tool manifest`. */
  offered: Offered | undefined;
  /** Known after `decide`: accesses that temporary privilege alone permits, by which grants and until when. */
  rests_on: readonly NonNullable<Decision['rests_on']>[] = [];
  cause: CutCause | undefined;
  /** Monotonic time at which it is cut, whatever it does. */
  ends_at = Number.POSITIVE_INFINITY;
  /** When the stage that is waited for has taken too long, and what happens then. */
  #due_at = Number.POSITIVE_INFINITY;
  #tellOverdue: (() => void) | undefined;

  cut(cause: CutCause): void {
    this.cause ??= cause;
    this.cancel();
  }

  expect(at: number, tell: () => void): void {
    this.#due_at = at;
    this.#tellOverdue = tell;
  }

  arrived(): void {
    this.#due_at = Number.POSITIVE_INFINITY;
    this.#tellOverdue = undefined;
  }

  /** Looks at its times; one timer of `Live`'s serves all exchanges, since a timer for each costs more than a stage. */
  look(now: number): void {
    if (this.#due_at <= now) this.#tellOverdue?.();
    if (this.ends_at <= now) this.cut('timed_out');
  }
}

/**
 * Every exchange in flight on this replica. A stop cuts here, in memory and at once, also while the database is down;
 * the durable stop list keeps new exchanges out.
 */
export class Live {
  readonly #clock: Clock;
  #looking = false;
  readonly #exchanges = new Set<LiveExchange>();
  readonly #agents = new Map<string, number>();
  #emptied: (() => void)[] = [];

  #closed = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** From here on admission lets nobody in; what is in flight goes on. */
  close(): void {
    this.#closed = true;
  }

  get closed(): boolean {
    return this.#closed;
  }

  get size(): number {
    return this.#exchanges.size;
  }

  /** Exchanges of one agent's that are in flight. */
  of(agent: string): number {
    return this.#agents.get(agent) ?? 0;
  }

  /** From here on the exchange counts as its caller's, and can be cut by the caller's name. */
  identify(exchange: LiveExchange, caller: Caller): void {
    if (exchange.caller === undefined) this.#agents.set(caller.agent.id, this.of(caller.agent.id) + 1);
    exchange.caller = caller;
  }

  begin(): LiveExchange {
    const exchange = new LiveExchange();
    this.#exchanges.add(exchange);
    if (!this.#looking) this.#look();
    return exchange;
  }

  /** Goes on while anything is in flight. */
  #look(): void {
    this.#looking = this.#exchanges.size > 0;
    if (!this.#looking) return;
    const now = this.#clock.monotonic();
    for (const exchange of this.#exchanges) exchange.look(now);
    this.#clock.after(LOOK_EVERY_MS, () => this.#look());
  }

  end(exchange: LiveExchange): void {
    this.#exchanges.delete(exchange);
    if (exchange.caller) {
      const agent = exchange.caller.agent.id;
      const left = this.of(agent) - 1;
      if (left > 0) this.#agents.set(agent, left);
      else this.#agents.delete(agent);
    }
    if (this.#exchanges.size > 0) return;
    for (const resolve of this.#emptied.splice(0)) resolve();
  }

  /** Looks at everything in flight again, after the stop list changed. Returns how many exchanges it cut. */
  review(stopped: (who: Caller | Destination) => Refusal | undefined): number {
    let count = 0;
    for (const exchange of this.#exchanges) {
      const { caller, destination } = exchange;
      const refusal = (caller && stopped(caller)) ?? (destination && stopped(destination));
      if (!refusal || exchange.cause !== undefined) continue;
      exchange.cut('stopped');
      count += 1;
    }
    return count;
  }

  /** Looks at everything in flight again, after pins changed: what rests on a pin that is gone is cut. */
  reviewPins(holds: (offered: Offered) => boolean): void {
    for (const exchange of this.#exchanges) {
      if (exchange.offered !== undefined && !holds(exchange.offered)) exchange.cut('stopped');
    }
  }

  /** Looks at everything in flight again, after temporary privilege ended: what nothing else permits is cut. */
  reviewGrants(open: (grant: string) => boolean): void {
    for (const exchange of this.#exchanges) {
      if (exchange.rests_on.some(({ grants }) => !grants.some(open))) exchange.cut('stopped');
    }
  }

  cutAll(cause: CutCause): void {
    for (const exchange of this.#exchanges) exchange.cut(cause);
  }

  /** Resolves when nothing is in flight. */
  empty(): Promise<void> {
    if (this.#exchanges.size === 0) return Promise.resolve();
    return new Promise((resolve) => this.#emptied.push(resolve));
  }
}
