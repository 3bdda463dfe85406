/**
 * A map that forgets what was set longest ago once it holds `size_max` entries. Caches keyed by what callers send are
 * all of this kind, and only filled with what was verified.
 */
export class BoundedMap<K, V> {
  readonly #entries = new Map<K, V>();
  readonly #size_max: number;

  constructor(size_max: number) {
    this.#size_max = size_max;
  }

  get size(): number {
    return this.#entries.size;
  }

  get(key: K): V | undefined {
    return this.#entries.get(key);
  }

  /** Insertion order is age: a key that is set again becomes young. */
  set(key: K, value: V): void {
    this.#entries.delete(key);
    if (this.#entries.size >= this.#size_max) {
      const oldest = this.#entries.keys().next();
      if (oldest.done !== true) this.#entries.delete(oldest.value);
    }
    this.#entries.set(key, value);
  }

  delete(key: K): void {
    this.#entries.delete(key);
  }

  clear(): void {
    this.#entries.clear();
  }
}
