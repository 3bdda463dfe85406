import { type Cancellation, FirstOf } from '../../../core/cancellation.ts';
import type { Parts } from './asking.ts';

/** Of the longest exchange: a stream that ends by itself can say so, and one that is cut cannot. */
const SHARE_OF_LONGEST = 0.95;

/** Resolves when a stream that waits for no answer should end: cancelled, with the gateway's stopping, or in its time. */
export function endOfListening({ clock, settings, closing }: Parts, ...others: Cancellation[]): Promise<void> {
  const first = new FirstOf(closing, ...others);
  return new Promise((resolve) => {
    const stop = clock.after(settings().limits.exchange_ms_max * SHARE_OF_LONGEST, () => first.cancel());
    first.onCancel(() => {
      stop();
      first.release();
      resolve();
    });
  });
}
