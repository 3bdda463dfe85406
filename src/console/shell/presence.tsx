import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { createContext, type ReactNode, useContext, useMemo, useRef, useState } from 'react';
import type { Me } from '../../api/contract/index.ts';
import { goAway } from '../data/away.ts';
import { ApiError, ask } from '../data/client.ts';
import { askPasskey, passkeysHere } from '../data/passkey.ts';
import { meQuery, queryClient, signInQuery } from '../data/queries.ts';
import { Button } from '../parts/button.tsx';
import { Actions, Dialog } from '../parts/dialog.tsx';
import { CodeField } from '../parts/field.tsx';
import { Refused } from '../parts/states.tsx';
import { Text } from '../parts/text.tsx';

type WithPresence = <T>(action: () => Promise<T>) => Promise<T>;

/** The person closed the dialog: nothing was done, and nothing needs to be said. */
export class NotPresent extends Error {}

const Presence = createContext<WithPresence>((action) => action());

/** Does what may need presence: asks for it where the gateway says so, then does it again. */
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
  const options = useQuery(signInQuery);
  const [code, setCode] = useState('');
  const [error, setError] = useState<unknown>();
  const [busy, setBusy] = useState(false);
  if (me.data === undefined || options.data === undefined) return null;
  const { authenticator, passkeys, company } = me.data;
  const passkey = passkeys > 0 && passkeysHere(options.data.passkeys_at);
  if (!authenticator && !passkey && !company) return <NothingEnrolled onDone={onDone} />;
  const showing = async (work: () => Promise<Me>) => {
    setBusy(true);
    setError(undefined);
    try {
      queryClient.setQueryData(meQuery.queryKey, await work());
      onDone(true);
    } catch (failure) {
      setError(failure);
      setCode('');
    }
    setBusy(false);
  };
  const byPasskey = () =>
    showing(async () => {
      const { question } = await ask('me.present.passkey', {});
      return ask('me.present.passkey.answer', { body: { answer: await askPasskey(question) } });
    });
  const byCode = () => showing(() => ask('me.present', { body: { code } }));
  return (
    <Dialog title="Are you here?" onClose={() => onDone(false)} onSubmit={authenticator ? byCode : () => undefined}>
      <p className="text-soft">A cookie alone may not do this. It counts for a few minutes.</p>
      {passkey && (
        <Button kind={authenticator ? 'plain' : 'primary'} onClick={byPasskey} busy={busy} className="h-9">
          Use a passkey
        </Button>
      )}
      {company && (
        <Button onClick={() => void goAway('presence').catch(setError)} busy={busy} className="h-9">
          Sign in again with <Text value={options.data.company ?? 'your company'} />
        </Button>
      )}
      {authenticator && <CodeField value={code} onChange={setCode} />}
      <Refused error={error} />
      <Actions>
        <Button onClick={() => onDone(false)}>Cancel</Button>
        {authenticator && (
          <Button kind="primary" type="submit" busy={busy} disabled={code.length !== 6}>
            Go on
          </Button>
        )}
      </Actions>
    </Dialog>
  );
}

function NothingEnrolled({ onDone }: { onDone: (present: boolean) => void }) {
  return (
    <Dialog title="This needs an authenticator" onClose={() => onDone(false)}>
      <p className="text-soft">
        What you are about to do needs you here, not only your browser: a passkey, or a code from an authenticator app,
        shows that.
      </p>
      <Actions>
        <EnrolLink to="/passkeys" word="Add a passkey" onDone={onDone} />
        <EnrolLink to="/authenticator" word="Enrol an authenticator" onDone={onDone} />
      </Actions>
    </Dialog>
  );
}

type EnrolProps = { to: '/passkeys' | '/authenticator'; word: string; onDone: (present: boolean) => void };

function EnrolLink({ to, word, onDone }: EnrolProps) {
  return (
    <Link
      to={to}
      onClick={() => onDone(false)}
      className="inline-flex h-8 items-center rounded-medium bg-accent-fill px-3 font-medium text-on-accent"
    >
      {word}
    </Link>
  );
}
