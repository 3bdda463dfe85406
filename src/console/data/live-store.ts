import type { Exchange, Filters, LiveEvent, Problem } from '../../api/contract/index.ts';
import { client } from './client.ts';

export type Connection = 'connecting' | 'live' | 'lost' | 'refused';

export type LiveSnapshot = {
  /** Grows with every change: rows change in place, since copying 100,000 of them for one would not be fast. */
  version: number;
  connection: Connection;
  problem: Problem | undefined;
  /** Rows that are shown, and new ones that wait for the reader. */
  shown: number;
  fresh: number;
  /** `sparse`: the filter is narrow and the log long, so going on is for a person to ask for. */
  older: 'unknown' | 'loading' | 'more' | 'sparse' | 'end';
  /** Log entries looked at so far: a narrow filter may have looked at many for few. */
  scanned: number;
  /** Strangers turned away since the page was opened: counted, not listed. */
  strangers: number;
};

const PAGE = 200;
const RETRY_MS = [500, 1_000, 2_000, 5_000];

/**
 * Exchanges of one filter: a page of the newest, older ones on demand, and what happens from then on. `newer` grows at its
 * end and `older` at its end too, so that nothing is ever moved.
 */
export class LiveStore {
  readonly #filters: Filters;
  readonly #older: Exchange[] = [];
  readonly #newer: Exchange[] = [];
  readonly #places = new Map<string, { list: Exchange[]; at: number }>();
  readonly #listeners = new Set<() => void>();
  #abort = new AbortController();
  #cursor: string | null = null;
  #last_id: string | undefined;
  #shown_newer = 0;
  #held = false;
  #frame: number | undefined;
  #snapshot: LiveSnapshot = {
    version: 0,
    connection: 'connecting',
    problem: undefined,
    shown: 0,
    fresh: 0,
    older: 'unknown',
    scanned: 0,
    strangers: 0,
  };

  constructor(filters: Filters) {
    this.#filters = filters;
  }

  subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  snapshot = (): LiveSnapshot => this.#snapshot;

  /** Newest first. */
  row(index: number): Exchange | undefined {
    const newer = this.#shown_newer;
    return index < newer ? this.#newer[newer - 1 - index] : this.#older[index - newer];
  }

  find(receipt: string): Exchange | undefined {
    const place = this.#places.get(receipt);
    return place?.list[place.at];
  }

  indexOf(receipt: string): number {
    const place = this.#places.get(receipt);
    if (place === undefined) return -1;
    return place.list === this.#newer ? this.#shown_newer - 1 - place.at : this.#shown_newer + place.at;
  }

  start(): () => void {
    this.#abort = new AbortController();
    const { signal } = this.#abort;
    void this.#run(signal);
    return () => {
      this.#abort.abort();
      if (this.#frame !== undefined) cancelAnimationFrame(this.#frame);
      this.#frame = undefined;
    };
  }

  /** While someone reads, new rows wait instead of moving what is under the eye. */
  hold(held: boolean): void {
    if (this.#held === held) return;
    this.#held = held;
    if (!held) this.showFresh();
  }

  showFresh(): void {
    if (this.#shown_newer === this.#newer.length) return;
    this.#shown_newer = this.#newer.length;
    this.#publish({});
  }

  async loadOlder(): Promise<void> {
    if (this.#snapshot.older !== 'more' && this.#snapshot.older !== 'sparse') return;
    await this.#page(this.#abort.signal);
  }

  async #run(signal: AbortSignal): Promise<void> {
    for (let tries = 0; !signal.aborted; tries += 1) {
      if (this.#last_id === undefined && !(await this.#page(signal))) {
        if (this.#snapshot.connection === 'refused') return;
      } else if (await this.#stream(signal)) {
        tries = 0;
      }
      if (signal.aborted || this.#snapshot.connection === 'refused') return;
      this.#publish({ connection: 'lost' });
      await pause(RETRY_MS[Math.min(tries, RETRY_MS.length - 1)]!, signal);
    }
  }

  /** One page of older rows; the first one also says where the stream begins. */
  async #page(signal: AbortSignal): Promise<boolean> {
    this.#publish({ older: 'loading' });
    const query = { ...this.#filters, limit: PAGE, ...(this.#cursor === null ? {} : { cursor: this.#cursor }) };
    const page = await client.call('exchanges.list', { query }, { signal });
    if (signal.aborted) return false;
    if (page.kind === 'failure') {
      this.#publish({ ...failure(page.status, page.problem), older: this.#cursor === null ? 'unknown' : 'more' });
      return false;
    }
    for (const exchange of page.value.exchanges) {
      if (this.#places.has(exchange.receipt)) continue;
      this.#places.set(exchange.receipt, { list: this.#older, at: this.#older.length });
      this.#older.push(exchange);
    }
    this.#last_id ??= String(page.value.size - 1);
    this.#cursor = page.value.cursor;
    const scanned = this.#snapshot.scanned + page.value.scanned;
    const full = page.value.exchanges.length === PAGE;
    this.#publish({ older: this.#cursor === null ? 'end' : full ? 'more' : 'sparse', scanned });
    return true;
  }

  /** @returns whether it was open at all. */
  async #stream(signal: AbortSignal): Promise<boolean> {
    let opened = false;
    const id = this.#last_id;
    const after = id === undefined || id === '-1' ? {} : { last_event_id: id };
    const query = { ...this.#filters, after: Number(id ?? -1) };
    for await (const item of client.stream('exchanges.live', { query }, { signal, ...after })) {
      if (signal.aborted) break;
      if (item.kind === 'failure') {
        this.#publish(failure(item.status, item.problem));
        break;
      }
      if (item.kind === 'open') {
        opened = true;
        this.#publish({ connection: 'live', problem: undefined });
        continue;
      }
      this.#last_id = item.id ?? this.#last_id;
      this.#take(item.value);
    }
    return opened;
  }

  #take(event: LiveEvent): void {
    switch (event.type) {
      case 'exchange':
        this.#put(event.exchange);
        break;
      case 'outcome': {
        const known = this.find(event.receipt);
        if (known !== undefined) this.#put({ ...known, state: event.state, duration_us: event.duration_us });
        break;
      }
      case 'flood':
        this.#snapshot = { ...this.#snapshot, strangers: this.#snapshot.strangers + event.count };
        break;
      case 'control':
        return;
    }
    this.#publishSoon();
  }

  #put(exchange: Exchange): void {
    const place = this.#places.get(exchange.receipt);
    if (place !== undefined) {
      place.list[place.at] = exchange;
      return;
    }
    this.#places.set(exchange.receipt, { list: this.#newer, at: this.#newer.length });
    this.#newer.push(exchange);
  }

  /** A burst becomes one drawing. A hidden page has no frames, and needs none. */
  #publishSoon(): void {
    this.#frame ??= requestAnimationFrame(() => {
      this.#frame = undefined;
      if (!this.#held) this.#shown_newer = this.#newer.length;
      this.#publish({});
    });
  }

  #publish(change: Partial<LiveSnapshot>): void {
    this.#snapshot = {
      ...this.#snapshot,
      ...change,
      version: this.#snapshot.version + 1,
      shown: this.#shown_newer + this.#older.length,
      fresh: this.#newer.length - this.#shown_newer,
    };
    for (const listener of this.#listeners) listener();
  }
}

function failure(status: number, problem: Problem): Partial<LiveSnapshot> {
  const again = status === 0 || status === 429 || status >= 500;
  return { connection: again ? 'lost' : 'refused', problem };
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener(
      'abort',
      () => {
        clearTimeout(timer);
        resolve();
      },
      { once: true },
    );
  });
}
