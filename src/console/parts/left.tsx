import { duration, exactTime } from '../data/format.ts';
import { useNow } from '../data/use-now.ts';

/** How long yet, with the exact end on hover. `ahead`: milliseconds by which the gateway's clock is before this one. */
export function Left({ until, ahead = 0 }: { until: number; ahead?: number }) {
  const left_ms = until - (useNow() + ahead);
  return (
    <time dateTime={new Date(until).toISOString()} title={exactTime(until)} className="whitespace-nowrap">
      {left_ms <= 0 ? 'ends now' : `${duration(left_ms * 1_000)} left`}
    </time>
  );
}
