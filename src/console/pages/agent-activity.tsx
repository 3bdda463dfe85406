import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import type { AgentActivity } from '../../api/contract/index.ts';
import { number, plural } from '../data/format.ts';
import { agentActivityQuery } from '../data/identity-queries.ts';
import { Section } from '../parts/facts.tsx';
import { HourPlot } from '../parts/hour-plot.tsx';
import { Mark } from '../parts/marks.tsx';
import { Refused } from '../parts/states.tsx';
import { Ago } from '../parts/time.tsx';

/** What it asked for in a day, and what became of it; each figure leads to its exchanges. */
export function Activity({ agent }: { agent: string }) {
  const activity = useQuery(agentActivityQuery(agent));
  return (
    <Section title="What it did in the last 24 hours">
      {activity.isSuccess && <Counts agent={agent} activity={activity.data} />}
      <Refused error={activity.error} />
    </Section>
  );
}

function Counts({ agent, activity }: { agent: string; activity: AgentActivity }) {
  const { permitted, refused, held, failed, last_at, whole, since, scanned, hours } = activity;
  if (last_at === null && whole) return <p className="text-soft">Nothing. It asked for nothing in this time.</p>;
  return (
    <>
      <ul className="mb-3 flex flex-wrap gap-x-5 gap-y-1">
        <Figure count={permitted} word="permitted" tone="permit" agent={agent} search={{ decision: 'permit' }} />
        <Figure count={refused} word="refused" tone="deny" agent={agent} search={{ decision: 'deny' }} />
        {held > 0 && <Figure count={held} word="held" tone="hold" agent={agent} search={{ decision: 'hold' }} />}
        <Figure
          count={failed}
          word="of the permitted failed"
          tone="alert"
          agent={agent}
          search={{ decision: 'permit' }}
        />
      </ul>
      <HourPlot hours={hours} />
      <p className="mt-2 text-faint text-small">
        {last_at !== null && (
          <>
            Last request: <Ago time={last_at} />.{' '}
          </>
        )}
        {!whole && (
          <>
            Counted since <Ago time={since} />: beyond the newest {plural(scanned, 'entry', 'entries')} the log was not
            read.
          </>
        )}
      </p>
    </>
  );
}

function Figure({
  count,
  word,
  tone,
  agent,
  search,
}: {
  count: number;
  word: string;
  tone: 'permit' | 'deny' | 'hold' | 'alert';
  agent: string;
  search: { decision: 'permit' | 'deny' | 'hold' };
}) {
  return (
    <li>
      <Link
        to="/live"
        search={{ agent, ...search }}
        className="flex items-baseline gap-1.5 rounded-small hover:underline"
      >
        <span className="font-semibold text-large">{number(count)}</span>
        <Mark tone={count === 0 ? 'calm' : tone} word={word} />
      </Link>
    </li>
  );
}
