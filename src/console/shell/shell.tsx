import { useQuery } from '@tanstack/react-query';
import { Outlet } from '@tanstack/react-router';
import { lazy, Suspense, useCallback, useEffect, useState } from 'react';
import { isStatus } from '../data/client.ts';
import { meQuery } from '../data/queries.ts';
import { SignIn } from '../pages/sign-in.tsx';
import { Failed, Skeleton } from '../parts/states.tsx';
import { AnswerStrip, Bar, Tabs } from './bar.tsx';
import { PresenceProvider } from './presence.tsx';
import { StopContext } from './stop-context.ts';
import { StopDialog, type StopTarget } from './stop-dialog.tsx';

const Palette = lazy(async () => ({ default: (await import('./palette.tsx')).Palette }));

/** Nothing is asked of the gateway before it is known who asks; the address stays, so a link survives the sign-in. */
export function Shell() {
  const me = useQuery(meQuery);
  if (me.isPending) return <Skeleton rows={3} />;
  if (isStatus(me.error, 401)) return <SignIn />;
  if (me.isError) return <Failed error={me.error} retry={() => void me.refetch()} />;
  return <SignedInShell />;
}

function SignedInShell() {
  const [palette, setPalette] = useState(false);
  const [stop, setStop] = useState<{ target: StopTarget | undefined } | undefined>();
  const openStop = useCallback((target?: StopTarget) => setStop({ target }), []);
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (event.key.toLowerCase() !== 'k' || !(event.metaKey || event.ctrlKey)) return;
      event.preventDefault();
      setPalette((open) => !open);
    };
    document.addEventListener('keydown', onKey);
    return () => document.removeEventListener('keydown', onKey);
  }, []);
  return (
    <PresenceProvider>
      <StopContext.Provider value={openStop}>
        <div className="flex h-full flex-col">
          <a
            href="#main"
            className="sr-only focus:not-sr-only focus:absolute focus:z-20 focus:m-2 focus:rounded-medium focus:bg-raised focus:px-3 focus:py-2"
          >
            Go to the page
          </a>
          <Bar onStop={() => openStop()} onPalette={() => setPalette(true)} />
          <AnswerStrip />
          <main id="main" tabIndex={-1} className="min-h-0 grow outline-none">
            <Outlet />
          </main>
          <Tabs />
        </div>
        {palette && (
          <Suspense>
            <Palette onClose={() => setPalette(false)} onStop={openStop} />
          </Suspense>
        )}
        {stop !== undefined && <StopDialog initial={stop.target} onClose={() => setStop(undefined)} />}
      </StopContext.Provider>
    </PresenceProvider>
  );
}
