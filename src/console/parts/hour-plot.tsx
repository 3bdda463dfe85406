import type { AgentActivity } from '../../api/contract/index.ts';

type Hour = AgentActivity['hours'][number];

const HOUR = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit', hour12: false });
const KINDS = [
  ['failed', 'bg-alert'],
  ['held', 'bg-hold'],
  ['refused', 'bg-deny'],
  ['permitted', 'bg-permit'],
] as const;

/** A bar for each hour, its parts from the top: what went wrong is never below the edge of what went well. */
export function HourPlot({ hours }: { hours: readonly Hour[] }) {
  const sums = hours.map((hour) => hour.permitted + hour.refused + hour.held);
  const most = Math.max(1, ...sums);
  const first = hours[0];
  return (
    <figure aria-label={`By the hour, at most ${most} in one`}>
      <div className="flex h-14 items-end gap-px border-line border-b">
        {hours.map((hour, at) => (
          <div
            key={hour.from}
            title={`${HOUR.format(hour.from)}: ${words(hour)}`}
            className="flex h-full grow flex-col justify-end hover:bg-hover"
          >
            {sums[at] !== 0 &&
              KINDS.map(([kind, ink]) => {
                const count = kind === 'permitted' ? hour.permitted - hour.failed : hour[kind];
                if (count === 0) return null;
                return <span key={kind} className={ink} style={{ height: `${Math.max(3, (count / most) * 100)}%` }} />;
              })}
          </div>
        ))}
      </div>
      <figcaption className="mt-1 flex justify-between text-faint text-micro">
        <span>{first === undefined ? '' : HOUR.format(first.from)}</span>
        <span>now</span>
      </figcaption>
    </figure>
  );
}

function words({ permitted, refused, held, failed }: Hour): string {
  const parts = [
    [permitted, 'permitted'],
    [refused, 'refused'],
    [held, 'held'],
    [failed, 'of the permitted failed'],
  ] as const;
  const said = parts.filter(([count]) => count > 0).map(([count, word]) => `${count} ${word}`);
  return said.length === 0 ? 'nothing' : said.join(', ');
}
