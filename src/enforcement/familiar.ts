import type { Clock } from '../core/clock.ts';
import type { Presented } from '../core/exchange.ts';

const TOKENS_MAX = 10_000;
const FAMILIAR_MS = 60_000;

/**
 * Credentials that got through identity within the last minute. Only ever a reason to look closer at a request from a
 * source that keeps failing; everything about it is checked again.
 */
export function openFamiliar(clock: Clock): { add(presented: Presented): void; has(presented: Presented): boolean } {
  const seen = new Map<string, number>();
  return {
    add({ authorization }) {
      if (authorization === undefined) return;
      if (!seen.has(authorization) && seen.size >= TOKENS_MAX) seen.delete(seen.keys().next().value as string);
      seen.set(authorization, clock.monotonic());
    },
    has({ authorization }) {
      const at = authorization === undefined ? undefined : seen.get(authorization);
      return at !== undefined && clock.monotonic() - at < FAMILIAR_MS;
    },
  };
}
