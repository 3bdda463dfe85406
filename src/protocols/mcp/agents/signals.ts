import type { Parts } from './asking.ts';

/** Of the longest exchange: a stream that ends by itself can say so, and one that is cut cannot. */
const SHARE_OF_LONGEST = 0.95;

/** Resolves when a stream that waits for no answer should end: with a signal, the gateway's stopping, or its time. */
export function endOfListening({ clock, settings, closing }: Parts, ...signals: AbortSignal[]): Promise<void> {
  const first = AbortSignal.any([closing, ...signals]);
  return new Promise((resolve) => {
    const cancel = clock.after(settings().limits.exchange_ms_max * SHARE_OF_LONGEST, resolve);
    const end = () => {
      cancel();
      resolve();
    };
    if (first.aborted) end();
    else first.addEventListener('abort', end, { once: true });
  });
}
