/** Listeners by channel. A hint is delivered after the code that gave it has returned, as one from outside would be. */
export class Hints {
  readonly #listeners = new Map<string, Set<() => void>>();

  send(channel: string): void {
    for (const changed of this.#listeners.get(channel) ?? []) queueMicrotask(changed);
  }

  sendAll(): void {
    for (const channel of this.#listeners.keys()) this.send(channel);
  }

  listen(channel: string, changed: () => void): () => void {
    const known = this.#listeners.get(channel) ?? new Set();
    this.#listeners.set(channel, known);
    // Wrapped, so that one function may listen twice and end once.
    const listener = (): void => {
      if (known.has(listener)) changed();
    };
    known.add(listener);
    return () => {
      known.delete(listener);
      if (known.size === 0 && this.#listeners.get(channel) === known) this.#listeners.delete(channel);
    };
  }

  get channels(): string[] {
    return [...this.#listeners.keys()];
  }

  clear(): void {
    for (const known of this.#listeners.values()) known.clear();
    this.#listeners.clear();
  }
}
