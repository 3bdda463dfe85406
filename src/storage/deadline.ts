import type { Clock } from '../core/clock.ts';
import { StorageError } from './errors.ts';

/** `work`, or after `limit_ms` a StorageError `unavailable`. The caller ends what is still running. */
export async function within<T>(clock: Clock, limit_ms: number, work: Promise<T>): Promise<T> {
  let cancel: () => void = () => {};
  const late = new Promise<never>((_, reject) => {
    cancel = clock.after(limit_ms, () => {
      reject(new StorageError('unavailable', `took longer than ${limit_ms} ms`));
    });
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    cancel();
  }
}
