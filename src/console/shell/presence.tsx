import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { createContext, type ReactNode, useContext, useMemo, useRef, useState } from 'react';
import { ApiError, ask } from '../data/client.ts';
import { meQuery, queryClient } from '../data/queries.ts';
import { Button } from '../parts/button.tsx';
import { Actions, Dialog } from '../parts/dialog.tsx';
import { CodeField } from '../parts/field.tsx';
import { Refused } from '../parts/states.tsx';

type WithPresence = <T>(action: () => Promise<T>) => Promise<T>;

/** The person closed the dialog: nothing was done, and nothing needs to be said. */
export class NotPresent extends Error {}

const Presence = createContext<WithPresence>((action) => action());

/** Does what may need presence: asks for a code where the gateway says so, then does it again. */
export function useWithPresence(): WithPresence {
  return useContext(Presence);
}

type Waiting = { resolve: () => void; reject: (error: Error) => void };

export function PresenceProvider({ children }: { children: ReactNode }) {
  const [asking, setAsking] = useState(false);
  const waiting = useRef<Waiting | undefined>(undefined);
  const withPresence = useMemo<WithPresence>(
    () => async (action) => {
      try {
        return await action();
      } catch (error) {
        if (!(error instanceof ApiError) || error.problem.code !== 'presence_required') throw error;
      }
      await new Promise<void>((resolve, reject) => {
        waiting.current = { resolve, reject };
        setAsking(true);
      });
      return action();
    },
    [],
  );
  const settle = (present: boolean) => {
    setAsking(false);
    if (present) waiting.current?.resolve();
    else waiting.current?.reject(new NotPresent('not present'));
    waiting.current = undefined;
  };
  return (
    <Presence.Provider value={withPresence}>
      {children}
      {asking && <PresenceDialog onDone={settle} />}
    </Presence.Provider>
  );
}

function PresenceDialog({ onDone }: { onDone: (present: boolean) => void }) {
  const me = useQuery(meQuery);
  const [code, setCode] = useState('');
  const [error, setError] = useState<unknown>();
  const [busy, setBusy] = useState(false);
  if (me.data?.authenticator === false) {
    return (
      <Dialog title="This needs an authenticator" onClose={() => onDone(false)}>
        <p className="text-soft">
          What you are about to do needs you here, not only your browser: a code from an authenticator app shows that.
        </p>
        <Actions>
          <Link
            to="/authenticator"
            onClick={() => onDone(false)}
            className="inline-flex h-8 items-center rounded-medium bg-accent-fill px-3 font-medium text-on-accent"
          >
            Enrol an authenticator
          </Link>
        </Actions>
      </Dialog>
    );
  }
  const submit = async () => {
    setBusy(true);
    try {
      queryClient.setQueryData(meQuery.queryKey, await ask('me.present', { body: { code } }));
      onDone(true);
    } catch (failure) {
      setError(failure);
      setCode('');
    }
    setBusy(false);
  };
  return (
    <Dialog title="Are you here?" onClose={() => onDone(false)} onSubmit={submit}>
      <p className="text-soft">A cookie alone may not do this. Your code counts for a few minutes.</p>
      <CodeField value={code} onChange={setCode} />
      <Refused error={error} />
      <Actions>
        <Button onClick={() => onDone(false)}>Cancel</Button>
        <Button kind="primary" type="submit" busy={busy} disabled={code.length !== 6}>
          Go on
        </Button>
      </Actions>
    </Dialog>
  );
}
