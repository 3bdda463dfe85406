import { useQuery } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import type { Run } from '../../api/contract/index.ts';
import { stopsQuery } from '../data/queries.ts';
import { stateOf } from '../data/runs.ts';
import { useNow } from '../data/use-now.ts';
import { Mark } from '../parts/marks.tsx';
import { Ago } from '../parts/time.tsx';

/** Whether it can go on. An open run whose agent is stopped cannot. */
export function RunState({ run }: { run: Run }): ReactNode {
  const stops = useQuery(stopsQuery);
  const state = stateOf(run, useNow());
  if (state !== 'open') return <span className="text-faint">{state}</span>;
  const isStopped = stops.data?.stops.some(
    ({ kind, id }) => kind === 'all' || (kind === 'run' && id === run.id) || (kind === 'agent' && id === run.agent),
  );
  if (isStopped) return <Mark tone="deny" word="stopped" />;
  return (
    <span className="whitespace-nowrap text-soft">
      expires <Ago time={run.expires_at} />
    </span>
  );
}
