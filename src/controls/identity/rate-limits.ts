import { isIPv6 } from 'node:net';
import { BoundedMap } from './bounded-map.ts';

const SOURCES_MAX = 20_000;

/**
 * So many at once, then so many a second, for each key. Bounded: whoever comes from more sources than are remembered
 * starts afresh with the ones forgotten, so what a limit protects has a bound of its own besides.
 */
export class RateLimit {
  readonly #buckets = new BoundedMap<string, { left: number; at: number }>(SOURCES_MAX);
  readonly #burst: number;
  readonly #per_second: number;
  readonly #now: () => number;

  /** `now` in milliseconds, monotonic. */
  constructor(limit: { burst: number; per_second: number }, now: () => number) {
    this.#burst = limit.burst;
    this.#per_second = limit.per_second;
    this.#now = now;
  }

  /** Takes one; false where none is left. */
  take(key: string): boolean {
    const now = this.#now();
    const bucket = this.#buckets.get(key) ?? { left: this.#burst, at: now };
    const gained = ((now - bucket.at) / 1000) * this.#per_second;
    const left = Math.min(this.#burst, bucket.left + gained);
    const taken = left >= 1;
    this.#buckets.set(key, { left: taken ? left - 1 : left, at: now });
    return taken;
  }
}

/** One subscriber has a whole /64 of IPv6 addresses, so those count as one source. */
export function sourceOf(address: string): string {
  if (!isIPv6(address)) return address;
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address);
  if (mapped !== null) return mapped[1]!;
  const [head = '', tail] = address.split('%')[0]!.split('::');
  const left = head === '' ? [] : head.split(':');
  const right = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = Array.from({ length: Math.max(0, 8 - left.length - right.length) }, () => '0');
  return [...left, ...zeros, ...right]
    .slice(0, 4)
    .map((part) => Number.parseInt(part, 16).toString(16))
    .join(':');
}
