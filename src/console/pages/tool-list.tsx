import { useVirtualizer } from '@tanstack/react-virtual';
import { useEffect, useMemo, useRef } from 'react';
import { partWord, type ToolPart } from '../../api/contract/index.ts';
import { useNames } from '../data/names.ts';
import { kindWords, waits } from '../data/tools.ts';
import { Button } from '../parts/button.tsx';
import { classes } from '../parts/classes.ts';
import { Badge, Mark, PinMark } from '../parts/marks.tsx';
import { Text } from '../parts/text.tsx';
import { Ago } from '../parts/time.tsx';

const ROW_PX = 40;
const OVERSCAN = 16;

type Row = { kind: 'server'; server: string; parts: readonly ToolPart[] } | { kind: 'part'; part: ToolPart };

type Props = {
  parts: readonly ToolPart[];
  open: string | undefined;
  onOpen: (part: string) => void;
  onDecide: (server: string) => void;
};

/** By server; only what is seen is drawn, since a server may offer ten thousand. */
export function ToolList({ parts, open, onOpen, onDecide }: Props) {
  const scroller = useRef<HTMLDivElement>(null);
  const rows = useMemo(() => rowsOf(parts), [parts]);
  const names = useNames();
  const drawn = useVirtualizer<HTMLDivElement, Element>({
    count: rows.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => ROW_PX,
    getItemKey: (index) => keyOf(rows[index]),
    overscan: OVERSCAN,
  });
  const at = rows.findIndex((row) => row.kind === 'part' && partWord(row.part) === open);
  useEffect(() => {
    if (at >= 0) drawn.scrollToIndex(at, { align: 'auto' });
  }, [at, drawn]);
  return (
    <div ref={scroller} className="scrolls @container min-h-0 grow bg-surface">
      <ul className="relative w-full" style={{ height: drawn.getTotalSize() }}>
        {drawn.getVirtualItems().map(({ index, key, start }) => {
          const row = rows[index];
          if (row === undefined) return null;
          return (
            <li
              key={key}
              ref={drawn.measureElement}
              data-index={index}
              className="absolute top-0 left-0 w-full"
              style={{ transform: `translateY(${start}px)` }}
            >
              {row.kind === 'server' ? (
                <ServerHead {...row} onDecide={() => onDecide(row.server)} />
              ) : (
                <PartRow
                  part={row.part}
                  names={names}
                  current={partWord(row.part) === open}
                  onOpen={() => onOpen(partWord(row.part))}
                />
              )}
            </li>
          );
        })}
      </ul>
    </div>
  );
}

function rowsOf(parts: readonly ToolPart[]): Row[] {
  const servers = Map.groupBy(parts, ({ server }) => server);
  return [...servers].flatMap(([server, own]): Row[] => [
    { kind: 'server', server, parts: own },
    ...own.map((part) => ({ kind: 'part' as const, part })),
  ]);
}

function keyOf(row: Row | undefined): string {
  if (row === undefined) return '';
  return row.kind === 'server' ? row.server : partWord(row.part);
}

function ServerHead({ server, parts, onDecide }: { server: string; parts: readonly ToolPart[]; onDecide: () => void }) {
  const waiting = parts.filter(waits).length;
  return (
    <div className="flex min-h-11 items-center justify-between gap-3 border-line border-b bg-canvas px-4 pt-2 pb-1">
      <h2 className="min-w-0 truncate font-semibold">
        <Text value={server} />
      </h2>
      {waiting > 0 && (
        <Button onClick={onDecide}>
          {waiting === 1 ? 'Look at the one that waits…' : `Look at the ${waiting} that wait…`}
        </Button>
      )}
    </div>
  );
}

/** By the width of the list, since a pane may stand beside it. */
const COLUMNS =
  'grid-cols-[minmax(0,1fr)_auto] @2xl:grid-cols-[minmax(10rem,1fr)_6rem_minmax(0,1.4fr)_auto] @5xl:grid-cols-[minmax(12rem,22rem)_6rem_minmax(0,1fr)_auto]';

type PartRowProps = { part: ToolPart; names: (by: string) => string; current: boolean; onOpen: () => void };

function PartRow({ part, names, current, onOpen }: PartRowProps) {
  return (
    <button
      type="button"
      onClick={onOpen}
      aria-current={current || undefined}
      className={classes(
        'grid min-h-10 w-full items-center gap-x-4 gap-y-0.5 border-line border-b px-4 py-2 text-left -outline-offset-2',
        COLUMNS,
        current ? 'bg-selected' : 'hover:bg-hover',
      )}
    >
      <PartName part={part} />
      <PinMark state={part.state} looked={part.pinned?.basis === 'approved'} className="@max-2xl:justify-self-end" />
      <span className="min-w-0 truncate text-soft @max-2xl:col-span-2 @max-2xl:row-start-2">
        <Standing part={part} names={names} />
      </span>
      <span className="@max-2xl:col-span-2 @max-2xl:row-start-3 @max-2xl:empty:hidden">
        {part.flags > 0 ? (
          <Mark tone="alert" word="hidden characters" />
        ) : (
          part.refused !== null && <Mark tone="deny" word="drawn like another" />
        )}
      </span>
    </button>
  );
}

function PartName({ part: { kind, name } }: { part: ToolPart }) {
  if (name === '') return <span className="truncate text-soft">{kindWords(kind)}</span>;
  return (
    <span className="flex min-w-0 items-center gap-2">
      <Text value={name} letters className="truncate font-medium font-mono text-small" />
      {kind !== 'tool' && <Badge>{kind}</Badge>}
    </span>
  );
}

/** Who looked, and since when it stands so. */
function Standing({ part: { state, pinned, offered }, names }: { part: ToolPart; names: (by: string) => string }) {
  const since = offered === null ? null : <Ago time={offered.at} />;
  switch (state) {
    case 'waiting':
      return <>Nobody has looked; offered {since}</>;
    case 'changed':
      return <>Not what was pinned; seen {since}</>;
    case 'rejected':
      return <>A person said no; it stays stopped</>;
    case 'removed':
      return <>Pinned, and not offered any more</>;
    case 'pinned':
      if (pinned?.basis !== 'approved') return <>Trusted at first use, nobody looked</>;
      return (
        <>
          Approved by <Text value={names(pinned.by)} /> <Ago time={pinned.at} />
        </>
      );
  }
}
