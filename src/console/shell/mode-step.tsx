import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { statusQuery } from '../data/queries.ts';
import { Button } from '../parts/button.tsx';
import { Left } from '../parts/left.tsx';
import { Mark } from '../parts/marks.tsx';
import { EnforceAgain, ObserveDialog } from './mode-dialog.tsx';

/** From enforcing to observing and back, where one thinks of it. */
export function ModeStep() {
  const status = useQuery(statusQuery);
  const [asking, setAsking] = useState(false);
  if (status.data === undefined) return null;
  const { mode, observing_until, now } = status.data;
  if (mode === 'observing') {
    return (
      <div className="flex flex-wrap items-center gap-3 rounded-medium bg-hold-soft px-3 py-2">
        <Mark tone="hold" word="Observing" />
        <span>
          What policy refuses is let through
          {observing_until !== null && (
            <>
              , <Left until={observing_until} ahead={now - status.dataUpdatedAt} />
            </>
          )}
          .
        </span>
        <EnforceAgain />
      </div>
    );
  }
  return (
    <>
      <Button onClick={() => setAsking(true)}>Observe for a while…</Button>
      {asking && <ObserveDialog onClose={() => setAsking(false)} />}
    </>
  );
}
