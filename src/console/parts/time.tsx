import { exactTime, relativeTime } from '../data/format.ts';
import { useNow } from '../data/use-now.ts';

/** How long ago, with the exact time on hover. */
export function Ago({ time }: { time: number }) {
  const now = useNow();
  return (
    <time dateTime={new Date(time).toISOString()} title={exactTime(time)} className="whitespace-nowrap">
      {relativeTime(time, now)}
    </time>
  );
}
