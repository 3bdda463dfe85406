import { useQuery } from '@tanstack/react-query';
import { useVirtualizer } from '@tanstack/react-virtual';
import { useEffect, useRef, useState } from 'react';
import { ApiError } from '../data/client.ts';
import type { LiveSnapshot, LiveStore } from '../data/live-store.ts';
import { statusQuery } from '../data/queries.ts';
import { Button } from '../parts/button.tsx';
import { Empty, Failed, Skeleton } from '../parts/states.tsx';
import { ExchangeRow, ListHead } from './exchange-row.tsx';

const ROW_PX = 36;
const ROW_NARROW_PX = 60;
const NARROW_PX = 640;
const OVERSCAN = 12;
/** Older rows are fetched before the end is reached. */
const AHEAD = 40;

type Props = {
  store: LiveStore;
  snapshot: LiveSnapshot;
  cursor: string | undefined;
  filtered: boolean;
  narrow: boolean;
  onPick: (receipt: string) => void;
  onReading: (reading: boolean) => void;
  onUnfilter: () => void;
};

export function ExchangeList({ store, snapshot, cursor, filtered, narrow, onPick, onReading, onUnfilter }: Props) {
  const scroller = useRef<HTMLDivElement>(null);
  const small = useNarrow(scroller);
  const [pointed, setPointed] = useState(false);
  const [away, setAway] = useState(false);
  useEffect(() => onReading(pointed || away), [pointed, away, onReading]);

  const rows = useVirtualizer({
    count: snapshot.shown,
    getScrollElement: () => scroller.current,
    estimateSize: () => (small ? ROW_NARROW_PX : ROW_PX),
    getItemKey: (index) => store.row(index)?.receipt ?? index,
    overscan: OVERSCAN,
  });
  const height = small ? ROW_NARROW_PX : ROW_PX;
  useEffect(() => {
    if (height > 0) rows.measure();
  }, [height, rows]);
  const items = rows.getVirtualItems();
  const end = (items.at(-1)?.index ?? 0) + AHEAD >= snapshot.shown;
  const { older } = snapshot;
  useEffect(() => {
    if (end && older === 'more') void store.loadOlder();
  }, [end, older, store]);

  const at = cursor === undefined ? -1 : store.indexOf(cursor);
  // Only the cursor moves the page, never a row that arrives.
  const followed = useRef<string | undefined>(undefined);
  useEffect(() => {
    if (followed.current === cursor || at < 0) return;
    followed.current = cursor;
    rows.scrollToIndex(at, { align: 'auto' });
  }, [cursor, at, rows]);

  if (snapshot.shown === 0)
    return <Nothing snapshot={snapshot} filtered={filtered} onUnfilter={onUnfilter} store={store} />;
  return (
    <div className="flex min-h-0 grow flex-col">
      {!small && <ListHead narrow={narrow} />}
      <div
        ref={scroller}
        role="listbox"
        aria-label="Exchanges"
        tabIndex={0}
        aria-activedescendant={at >= 0 ? `row-${cursor}` : undefined}
        onScroll={(event) => setAway(event.currentTarget.scrollTop > ROW_PX / 2)}
        onPointerEnter={(event) => event.pointerType === 'mouse' && setPointed(true)}
        onPointerLeave={() => setPointed(false)}
        className="scrolls min-h-0 grow bg-surface -outline-offset-2"
      >
        <div role="presentation" className="relative w-full" style={{ height: rows.getTotalSize() }}>
          {items.map(({ index, key, start, size }) => {
            const exchange = store.row(index);
            if (exchange === undefined) return null;
            return (
              <ExchangeRow
                key={key}
                exchange={exchange}
                selected={exchange.receipt === cursor}
                small={small}
                narrow={narrow}
                top={start}
                height={size}
                position={index + 1}
                count={snapshot.shown}
                onPick={onPick}
              />
            );
          })}
        </div>
      </div>
    </div>
  );
}

function Nothing({
  snapshot,
  filtered,
  onUnfilter,
  store,
}: Pick<Props, 'snapshot' | 'filtered' | 'onUnfilter' | 'store'>) {
  const { problem, connection, older, scanned } = snapshot;
  const box = (children: React.ReactNode) => <div className="scrolls min-h-0 grow bg-surface">{children}</div>;
  if (problem !== undefined && connection !== 'live') {
    return box(<Failed error={new ApiError({ kind: 'failure', status: 0, problem })} />);
  }
  if (older === 'unknown' || (older === 'loading' && scanned === 0)) return box(<Skeleton rows={12} />);
  if (filtered) {
    return box(
      <Empty title="Nothing matches">
        <p>None of the newest {scanned} log entries is one of these. New ones appear here as they happen.</p>
        <div className="mt-4 flex justify-center gap-2">
          {older === 'more' && <Button onClick={() => void store.loadOlder()}>Look further back</Button>}
          <Button onClick={onUnfilter}>Show everything</Button>
        </div>
      </Empty>,
    );
  }
  return box(<FirstCall />);
}

function FirstCall() {
  const { data } = useQuery(statusQuery);
  const door = data === undefined ? '' : `${data.addresses.agents}/mcp/${data.upstreams[0]?.server ?? ''}`;
  return (
    <Empty
      title="No agent has asked for anything yet"
      command={`curl -s -H @.sallyport/first-call.headers -d @.sallyport/first-call.json ${door}`}
    >
      Every call that an agent makes appears here within a second, permitted or not. In the gateway’s folder, this makes
      the starter’s first one:
    </Empty>
  );
}

/** By the list's own width, since a pane may stand beside it. */
function useNarrow(ref: React.RefObject<HTMLDivElement | null>): boolean {
  const [narrow, setNarrow] = useState(() => window.innerWidth < NARROW_PX);
  useEffect(() => {
    const measure = () => setNarrow((ref.current?.clientWidth ?? window.innerWidth) < NARROW_PX);
    const observer = new ResizeObserver(measure);
    observer.observe(ref.current ?? document.body);
    measure();
    return () => observer.disconnect();
  });
  return narrow;
}
