import type { RefusalCode } from '../../core/refusal.ts';

export type Flood = { code: RefusalCode; source: string; second: number; count: number };

/** Distinct codes and sources counted for one second; further ones share a count, so that noise cannot fill the log. */
const KEYS_MAX = 64;
export const OTHER_SOURCES = 'other sources';

/** Refusals before identity, counted by code, source and second. What strangers cost is a number, not a list. */
export class Floods {
  readonly #seconds = new Map<number, Map<string, Flood>>();

  add(event: Flood): void {
    const counts = this.#seconds.get(event.second) ?? new Map<string, Flood>();
    this.#seconds.set(event.second, counts);
    const known = counts.get(`${event.code} ${event.source}`);
    if (known !== undefined) known.count += event.count;
    else if (counts.size < KEYS_MAX || event.source === OTHER_SOURCES) {
      counts.set(`${event.code} ${event.source}`, { ...event });
    } else this.add({ ...event, source: OTHER_SOURCES });
  }

  /** Takes out the counts of seconds before `second`, which are complete. */
  take(second: number): Flood[] {
    const complete = [...this.#seconds].filter(([counted]) => counted < second);
    for (const [counted] of complete) this.#seconds.delete(counted);
    return complete.flatMap(([, counts]) => [...counts.values()]);
  }
}
