import { useQuery } from '@tanstack/react-query';
import { useVirtualizer, type Virtualizer } from '@tanstack/react-virtual';
import { useEffect, useRef, useState } from 'react';
import { ApiError } from '../data/client.ts';
import { number } from '../data/format.ts';
import type { LiveSnapshot, LiveStore } from '../data/live-store.ts';
import { statusQuery } from '../data/queries.ts';
import { Button } from '../parts/button.tsx';
import { Empty, Failed, Skeleton } from '../parts/states.tsx';
import { ExchangeRow, ListHead } from './exchange-row.tsx';

const ROW_PX = 36;
const ROW_SMALL_PX = 60;
const SMALL_PX = 640;
const NARROW_PX = 1_000;
const OVERSCAN = 12;
const AHEAD = 40;

type Props = {
  store: LiveStore;
  snapshot: LiveSnapshot;
  cursor: string | undefined;
  filtered: boolean;
  onPick: (receipt: string) => void;
  onReading: (reading: boolean) => void;
  onUnfilter: () => void;
};

/** The list, or what there is to say where it is empty. */
export function ExchangeList({ filtered, onUnfilter, ...props }: Props) {
  const frame = useRef<HTMLDivElement>(null);
  const width = useWidth(frame);
  const { snapshot, store } = props;
  return (
    <div ref={frame} className="flex min-h-0 grow flex-col">
      {snapshot.shown === 0 ? (
        <Nothing snapshot={snapshot} filtered={filtered} onUnfilter={onUnfilter} store={store} />
      ) : (
        <Rows {...props} width={width} />
      )}
    </div>
  );
}

type RowsProps = Omit<Props, 'filtered' | 'onUnfilter'> & { width: Width };

function Rows({ store, snapshot, cursor, width, onPick, onReading }: RowsProps) {
  const scroller = useRef<HTMLDivElement>(null);
  const small = width === 'small';
  const narrow = width !== 'wide';
  const rows = useRows(store, snapshot, small ? ROW_SMALL_PX : ROW_PX, scroller);
  const at = useFollowed(store, cursor, rows);
  const reading = useReading(onReading);
  return (
    <>
      {!small && <ListHead narrow={narrow} />}
      <div
        ref={scroller}
        role="listbox"
        aria-label="Exchanges"
        tabIndex={0}
        aria-activedescendant={at >= 0 ? `row-${cursor}` : undefined}
        className="scrolls min-h-0 grow bg-surface -outline-offset-2"
        {...reading}
      >
        <div role="presentation" className="relative w-full" style={{ height: rows.getTotalSize() }}>
          {rows.getVirtualItems().map(({ index, key, start, size }) => {
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
      {snapshot.older === 'sparse' && (
        <div className="flex items-center justify-center gap-3 border-line border-t bg-surface py-2 text-faint">
          {number(snapshot.scanned)} log entries looked at
          <Button onClick={() => void store.loadOlder()}>Look further back</Button>
        </div>
      )}
    </>
  );
}

type Virtual = Virtualizer<HTMLDivElement, Element>;

/** Only what is seen is drawn; older rows are fetched before the end is reached. */
function useRows(
  store: LiveStore,
  { shown, older }: LiveSnapshot,
  height: number,
  scroller: React.RefObject<HTMLDivElement | null>,
): Virtual {
  const rows = useVirtualizer<HTMLDivElement, Element>({
    count: shown,
    getScrollElement: () => scroller.current,
    estimateSize: () => height,
    getItemKey: (index) => store.row(index)?.receipt ?? index,
    overscan: OVERSCAN,
  });
  useEffect(() => {
    if (height > 0) rows.measure();
  }, [height, rows]);
  const end = (rows.getVirtualItems().at(-1)?.index ?? 0) + AHEAD >= shown;
  useEffect(() => {
    if (end && older === 'more') void store.loadOlder();
  }, [end, older, store]);
  return rows;
}

/** Only the cursor moves the page, never a row that arrives. */
function useFollowed(store: LiveStore, cursor: string | undefined, rows: Virtual): number {
  const followed = useRef<string | undefined>(undefined);
  const at = cursor === undefined ? -1 : store.indexOf(cursor);
  useEffect(() => {
    if (followed.current === cursor || at < 0) return;
    followed.current = cursor;
    rows.scrollToIndex(at, { align: 'auto' });
  }, [cursor, at, rows]);
  return at;
}

/** Whoever points at the list, or has scrolled away from its top, is reading: new rows then wait. */
function useReading(onReading: (reading: boolean) => void) {
  const [pointed, setPointed] = useState(false);
  const [away, setAway] = useState(false);
  useEffect(() => onReading(pointed || away), [pointed, away, onReading]);
  return {
    onScroll: (event: React.UIEvent<HTMLDivElement>) => setAway(event.currentTarget.scrollTop > ROW_PX / 2),
    onPointerEnter: (event: React.PointerEvent) => setPointed(event.pointerType === 'mouse'),
    onPointerLeave: () => setPointed(false),
  };
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
          {(older === 'more' || older === 'sparse') && (
            <Button onClick={() => void store.loadOlder()}>Look further back</Button>
          )}
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

type Width = 'small' | 'narrow' | 'wide';

/** By the list's own width, since a story may stand beside it. */
function useWidth(ref: React.RefObject<HTMLDivElement | null>): Width {
  const [width, setWidth] = useState<Width>(() => widthOf(window.innerWidth));
  useEffect(() => {
    const box = ref.current;
    if (box === null) return;
    const observer = new ResizeObserver(() => setWidth(widthOf(box.clientWidth)));
    observer.observe(box);
    return () => observer.disconnect();
  }, [ref]);
  return width;
}

function widthOf(px: number): Width {
  if (px < SMALL_PX) return 'small';
  return px < NARROW_PX ? 'narrow' : 'wide';
}
