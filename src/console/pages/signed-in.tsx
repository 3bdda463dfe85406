import { useNavigate } from '@tanstack/react-router';
import { useEffect, useRef, useState } from 'react';
import { cameBack } from '../data/away.ts';
import { ask } from '../data/client.ts';
import { meQuery, queryClient } from '../data/queries.ts';
import { Button } from '../parts/button.tsx';
import { Refused, Skeleton } from '../parts/states.tsx';
import { Threshold } from './sign-in.tsx';

/** Back from the company. What came along leaves the address bar and the history at once, and counts once. */
export function SignedIn() {
  const [error, setError] = useState<unknown>();
  const navigate = useNavigate();
  const begun = useRef(false);
  useEffect(() => {
    if (begun.current) return;
    begun.current = true;
    const query = location.search.slice(1);
    history.replaceState(history.state, '', '/signed-in');
    const away = cameBack();
    const operation = away.for === 'presence' ? 'me.present.company.return' : 'session.company.return';
    ask(operation, { body: { query: query === '' ? 'none' : query } }).then(
      async (me) => {
        queryClient.setQueryData(meQuery.queryKey, me);
        await navigate({ href: away.from, replace: true });
      },
      (failure: unknown) => setError(failure),
    );
  }, [navigate]);
  return (
    <Threshold title={error === undefined ? 'Signing in' : 'That did not work'}>
      {error === undefined ? <Skeleton rows={2} /> : <Refused error={error} />}
      {error !== undefined && (
        <Button kind="primary" onClick={() => void navigate({ to: '/live', replace: true })} className="h-9">
          Begin again
        </Button>
      )}
    </Threshold>
  );
}
