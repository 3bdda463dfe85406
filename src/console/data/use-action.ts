import { useState } from 'react';
import { NotPresent, useWithPresence } from '../shell/presence.tsx';
import { queryClient } from './queries.ts';

type Action<T> = { run: (input: T) => void; busy: boolean; error: unknown };

/** Something that changes the gateway: asks for presence where needed, then all that is shown is asked for again. */
export function useAction<T>(work: (input: T) => Promise<unknown>): Action<T> {
  const withPresence = useWithPresence();
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  const run = async (input: T) => {
    setBusy(true);
    setError(undefined);
    try {
      await withPresence(() => work(input));
      await queryClient.invalidateQueries({
        predicate: ({ queryKey }) => queryKey[0] !== 'story' && queryKey[0] !== 'proof',
      });
    } catch (failure) {
      if (!(failure instanceof NotPresent)) setError(failure);
    }
    setBusy(false);
  };
  return { run: (input) => void run(input), busy, error };
}
