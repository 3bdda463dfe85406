import type { Caller } from '../core/principal.ts';

/** What a stop names. `all` stops everything that an agent asks for. */
export type StopTarget = { kind: 'agent' | 'run' | 'key' | 'token' | 'upstream' | 'all'; id: string };

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

  isNamedBy(target: StopTarget): boolean {
    switch (target.kind) {
      case 'all':
        return true;
      case 'agent':
        return this.caller?.agent.id === target.id;
      case 'run':
        return this.caller?.run === target.id;
      case 'key':
      case 'token':
        return this.caller?.credential.thumbprint === target.id;
      case 'upstream':
        return this.upstream === target.id;
    }
  }
}

/**
 * Every exchange in flight on this replica. A stop cuts here, in memory and at once, also while the database is down;
 * the durable stop list keeps new exchanges out.
 */
export class Live {
  readonly #exchanges = new Set<LiveExchange>();
  #emptied: (() => void)[] = [];

  get size(): number {
    return this.#exchanges.size;
  }

  begin(): LiveExchange {
    const exchange = new LiveExchange();
    this.#exchanges.add(exchange);
    return exchange;
  }

  end(exchange: LiveExchange): void {
    this.#exchanges.delete(exchange);
    if (this.#exchanges.size > 0) return;
    for (const resolve of this.#emptied.splice(0)) resolve();
  }

  /** Returns how many it cut. */
  cut(target: StopTarget): number {
    let count = 0;
    for (const exchange of this.#exchanges) {
      if (!exchange.isNamedBy(target)) continue;
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
