/** Events kept for an agent that lost its connection and comes back with `Last-Event-ID` (2025-11-25). */
const EVENTS_MAX = 256;
const CHARACTERS_MAX = 1_048_576;

type Event = { id: string; n: number; text: string };
type Reader = (event: { id: string; text: string }) => Promise<void>;

/**
 * What was said on one stream of a session, within bounds: what is older is gone, and an agent that stayed away for too
 * long misses it. One connection reads at a time; a new one takes over.
 */
export class EventLog {
  readonly name: string;
  #events: Event[] = [];
  #characters = 0;
  #n = 0;
  #ended = false;
  #reader: { read: Reader; ended: () => void } | undefined;

  constructor(name: string) {
    this.name = name;
  }

  get ended(): boolean {
    return this.#ended;
  }

  get attached(): boolean {
    return this.#reader !== undefined;
  }

  /** Resolves when the connected reader, if any, has taken it. */
  append(text: string): Promise<void> {
    this.#n += 1;
    const event = { id: `${this.name}-${this.#n}`, n: this.#n, text };
    this.#events.push(event);
    this.#characters += text.length;
    while (this.#events.length > EVENTS_MAX || (this.#characters > CHARACTERS_MAX && this.#events.length > 1)) {
      this.#characters -= this.#events.shift()?.text.length ?? 0;
    }
    return this.#reader?.read(event) ?? Promise.resolve();
  }

  /**
   * Says everything after event `after` to a new reader, and then what comes. Calls `ended` after the last, or when another
   * reader takes over. What it resolves with lets go of the stream, if this reader still has it; events gather then.
   */
  async attach(after: number, read: Reader, ended: () => void): Promise<() => void> {
    this.detach();
    const reader = { read, ended };
    this.#reader = reader;
    const release = () => {
      if (this.#reader === reader) this.detach();
    };
    for (const event of this.#events.filter(({ n }) => n > after)) await read(event);
    if (this.#ended) release();
    return release;
  }

  /** Ends the reader's connection; events gather until another comes. */
  detach(): void {
    const reader = this.#reader;
    this.#reader = undefined;
    reader?.ended();
  }

  end(): void {
    this.#ended = true;
    this.detach();
  }
}

/** `<stream>-<n>`, as `append` made it. */
export function readEventId(id: string): { name: string; n: number } | undefined {
  const found = /^([0-9a-z]{1,64})-(\d{1,15})$/.exec(id);
  return found === null ? undefined : { name: found[1] as string, n: Number(found[2]) };
}
