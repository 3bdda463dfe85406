import type { Caller } from '../core/principal.ts';
import type { Refusal } from '../core/refusal.ts';

/** Why an exchange was ended from outside. */
export type CutCause = 'stopped' | 'caller_gone' | 'timed_out' | 'gateway_stopping';

/** One exchange in flight, with the handle that ends it. */
export class LiveExchange {
  readonly #abort = new AbortController();
  /** Known after `check identity`. */
  caller: Caller | undefined;
  /** Known after `parse intent`. */
  upstream: string | undefined;
  cause: CutCause | undefined;

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  cut(cause: CutCause): void {
    this.cause ??= cause;
    this.#abort.abort(cause);
  }
}

/**
 * Every exchange in flight on this replica. A stop cuts here, in memory and at once, also while the database is down;
 * the durable stop list keeps new exchanges out.
 */
export class Live {
  readonly #exchanges = new Set<LiveExchange>();
  readonly #agents = new Map<string, number>();
  #emptied: (() => void)[] = [];

  #closed = false;

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
    return exchange;
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
  review(stopped: (who: Caller | { upstream: string }) => Refusal | undefined): number {
    let count = 0;
    for (const exchange of this.#exchanges) {
      const { caller, upstream } = exchange;
      const refusal = (caller && stopped(caller)) ?? (upstream === undefined ? undefined : stopped({ upstream }));
      if (!refusal || exchange.signal.aborted) continue;
      exchange.cut('stopped');
      count += 1;
    }
    return count;
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
