import { getRouteApi } from '@tanstack/react-router';
import { lazy, Suspense, useCallback, useEffect, useMemo, useState, useSyncExternalStore } from 'react';
import type { Filters } from '../../api/contract/index.ts';
import { useKeys } from '../data/keys.ts';
import { LiveStore } from '../data/live-store.ts';
import { signedOut } from '../data/queries.ts';
import { ExchangeList } from './exchange-list.tsx';
import { keepValid } from './filter-words.ts';
import { LiveFoot } from './live-foot.tsx';
import { LiveHead } from './live-head.tsx';

const route = getRouteApi('/shell/live');

const loadStory = () => import('./story-pane.tsx');
const StoryPane = lazy(async () => ({ default: (await loadStory()).StoryPane }));

/** Exchanges as they happen. The address holds everything that is needed to show a colleague the same. */
export function LivePage() {
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const filters = useMemo(() => keepValid(search), [search]);
  const store = useStore(filters);
  const snapshot = useSyncExternalStore(store.subscribe, store.snapshot);
  const [paused, setPaused] = useState(false);
  const [reading, setReading] = useState(false);
  const open = search.receipt;
  const filter = useCallback((next: Filters) => void navigate({ search: next, replace: true }), [navigate]);
  const { cursor, pick, show, step } = useCursor(store, snapshot.shown, open);

  const ended = snapshot.problem?.code === 'sign_in_required';
  useEffect(() => {
    if (ended) signedOut();
  }, [ended]);
  // The list is there first; a story that is opened is there at once all the same.
  useEffect(() => void loadStory(), []);
  useEffect(() => store.hold(paused || reading || open !== undefined), [store, paused, reading, open]);
  useKeys([
    ['j', () => step(1)],
    ['k', () => step(-1)],
    ['ArrowDown', (event) => stepInstead(event, () => step(1))],
    ['ArrowUp', (event) => stepInstead(event, () => step(-1))],
    ['Enter', () => cursor !== undefined && show(cursor)],
    ['w', () => cursor !== undefined && show(cursor, 'why')],
    ['Escape', () => show(undefined)],
    ['p', () => setPaused((before) => !before)],
    ['n', () => store.showFresh()],
    ['/', (event) => stepInstead(event, () => document.getElementById('filter')?.focus())],
  ]);

  return (
    <div className="flex h-full">
      <section aria-label="Live" className="flex min-w-0 grow flex-col">
        <LiveHead
          filters={filters}
          onFilter={filter}
          snapshot={snapshot}
          paused={paused}
          onPause={setPaused}
          onFresh={() => store.showFresh()}
        />
        <ExchangeList
          store={store}
          snapshot={snapshot}
          cursor={cursor}
          filtered={Object.keys(filters).length > 0}
          onPick={pick}
          onReading={setReading}
          onUnfilter={() => filter({})}
        />
        <LiveFoot filters={filters} snapshot={snapshot} />
      </section>
      {open !== undefined && (
        <Suspense fallback={null}>
          <StoryPane receipt={open} state={store.find(open)?.state} onClose={() => show(undefined)} />
        </Suspense>
      )}
    </div>
  );
}

/** The row that keys act on, and the story that is open: in the address, so that it can be sent. */
function useCursor(store: LiveStore, shown: number, open: string | undefined) {
  const navigate = route.useNavigate();
  const [cursor, setCursor] = useState<string | undefined>(open);
  const show = useCallback(
    (receipt: string | undefined, hash = '') =>
      void navigate({
        search: (before) => ({ ...keepValid(before), ...(receipt === undefined ? {} : { receipt }) }),
        hash,
        replace: true,
      }),
    [navigate],
  );
  const pick = useCallback(
    (receipt: string) => {
      setCursor(receipt);
      show(receipt);
    },
    [show],
  );
  const step = (by: number) => {
    const at = cursor === undefined ? -1 : store.indexOf(cursor);
    const next = store.row(Math.max(0, Math.min(shown - 1, at + by)));
    if (next === undefined) return;
    setCursor(next.receipt);
    if (open !== undefined) show(next.receipt);
  };
  return { cursor, pick, show, step };
}

/** The key would scroll, or be typed. */
function stepInstead(event: KeyboardEvent, act: () => void): void {
  event.preventDefault();
  act();
}

/** One store for each filter; the one before is closed. */
function useStore(filters: Filters): LiveStore {
  const key = JSON.stringify(filters);
  // biome-ignore lint/correctness/useExhaustiveDependencies: `key` is what `filters` says; a new object of the same is the same
  const store = useMemo(() => new LiveStore(filters), [key]);
  useEffect(() => store.start(), [store]);
  return store;
}
