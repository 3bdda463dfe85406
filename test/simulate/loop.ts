import { createHash } from 'node:crypto';

type Event = { at: number; order: number; work: () => void; dropped: boolean };

/**
 * The only source of time and order in a simulated world. Nothing in it waits for anything real, so once an event's
 * promises have settled there is nothing left to run but the next event, and the same seed gives the same world, to the
 * last microtask. What happened goes into a digest: two runs of a seed are the same run exactly if the digests are.
 */
export class Loop {
  /** True time, milliseconds since the world began. Nobody in the world sees it. */
  now = 0;
  events = 0;
  readonly #heap: Event[] = [];
  readonly #digest = createHash('sha256');
  readonly #told: ((line: string) => void) | undefined;
  #order = 0;

  constructor(told?: (line: string) => void) {
    this.#told = told;
  }

  /** Runs `work` at `delay_ms` from now; the returned function drops it. */
  after(delay_ms: number, work: () => void): () => void {
    const event = { at: this.now + Math.max(0, delay_ms), order: this.#order++, work, dropped: false };
    push(this.#heap, event);
    return () => {
      event.dropped = true;
    };
  }

  pause(delay_ms: number): Promise<void> {
    return new Promise((resolve) => this.after(delay_ms, resolve));
  }

  /** A line of what happens: part of the digest, shown by `--verbose`. */
  tell(line: string): void {
    const stamped = `${this.now.toFixed(3)} ${line}\n`;
    this.#digest.update(stamped);
    this.#told?.(stamped);
  }

  digest(): string {
    return this.#digest.copy().digest('hex').slice(0, 16);
  }

  /** Runs events until `until`, or until `stop` says so; `step` is called after each. */
  async run(until: number, step: () => void): Promise<void> {
    for (;;) {
      const event = this.#heap[0];
      if (event === undefined || event.at > until) break;
      pop(this.#heap);
      if (event.dropped) continue;
      this.now = event.at;
      this.events++;
      event.work();
      // All promises that this event settled, and all that those settle: a macrotask comes after every microtask.
      await new Promise((resolve) => setImmediate(resolve));
      step();
    }
    this.now = Math.max(this.now, until);
  }
}

function before(one: Event, other: Event): boolean {
  return one.at < other.at || (one.at === other.at && one.order < other.order);
}

function push(heap: Event[], event: Event): void {
  let at = heap.length;
  heap.push(event);
  while (at > 0) {
    const parent = (at - 1) >> 1;
    if (!before(event, heap[parent]!)) break;
    heap[at] = heap[parent]!;
    at = parent;
  }
  heap[at] = event;
}

function pop(heap: Event[]): void {
  const last = heap.pop()!;
  if (heap.length === 0) return;
  let at = 0;
  for (;;) {
    let child = 2 * at + 1;
    if (child >= heap.length) break;
    if (child + 1 < heap.length && before(heap[child + 1]!, heap[child]!)) child++;
    if (!before(heap[child]!, last)) break;
    heap[at] = heap[child]!;
    at = child;
  }
  heap[at] = last;
}
