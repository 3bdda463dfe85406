import { memo } from 'react';
import type { Exchange } from '../../api/contract/index.ts';
import { clockTime, duration, exactTime, splitResource } from '../data/format.ts';
import { classes } from '../parts/classes.ts';
import { DecisionMark, StateMark } from '../parts/marks.tsx';
import { Text } from '../parts/text.tsx';

type Props = {
  exchange: Exchange;
  selected: boolean;
  /** Two lines, for a phone. */
  small: boolean;
  /** Fewer columns, since a story is open beside. */
  narrow: boolean;
  top: number;
  height: number;
  position: number;
  count: number;
  onPick: (receipt: string) => void;
};

const WIDE =
  'grid-cols-[6.5rem_5rem_minmax(6rem,10rem)_minmax(5rem,9rem)_minmax(6rem,8.5rem)_minmax(0,1fr)_8.5rem_5rem]';
const NARROW = 'grid-cols-[6.5rem_5rem_minmax(5rem,9rem)_minmax(0,1fr)_8rem]';

export function ListHead({ narrow }: { narrow: boolean }) {
  return (
    <div
      aria-hidden="true"
      className={classes(
        'grid shrink-0 items-center gap-3 border-line border-b bg-surface px-4 py-1.5 text-faint text-small',
        narrow ? NARROW : WIDE,
      )}
    >
      <span>Time</span>
      <span>Decision</span>
      <span>Agent</span>
      {!narrow && <span>Job</span>}
      {!narrow && <span>Action</span>}
      <span>Resource</span>
      <span>Outcome</span>
      {!narrow && <span className="text-right">Took</span>}
    </div>
  );
}

export const ExchangeRow = memo(function ExchangeRow({
  exchange,
  selected,
  small,
  narrow,
  top,
  height,
  position,
  count,
  onPick,
}: Props) {
  return (
    <div
      id={`row-${exchange.receipt}`}
      role="option"
      aria-selected={selected}
      aria-posinset={position}
      aria-setsize={count}
      tabIndex={-1}
      onClick={() => onPick(exchange.receipt)}
      onKeyDown={(event) => event.key === 'Enter' && onPick(exchange.receipt)}
      data-receipt={exchange.receipt}
      style={{ transform: `translateY(${top}px)`, height }}
      className={classes(
        'absolute inset-x-0 top-0 border-line border-b px-4 outline-none',
        selected ? 'bg-selected' : 'hover:bg-hover',
        small ? 'flex flex-col justify-center gap-0.5' : classes('grid items-center gap-3', narrow ? NARROW : WIDE),
      )}
    >
      {small ? <SmallCells exchange={exchange} /> : <Cells exchange={exchange} narrow={narrow} />}
    </div>
  );
});

function Cells({ exchange, narrow }: { exchange: Exchange; narrow: boolean }) {
  const { time, decision, agent, job, action, operation } = exchange;
  return (
    <>
      <time dateTime={new Date(time).toISOString()} title={exactTime(time)} className="font-mono text-faint text-small">
        {clockTime(time)}
      </time>
      <DecisionMark decision={decision} mode={exchange.mode} />
      <Cell value={agent} />
      {!narrow && <Cell value={job} soft />}
      {!narrow && <Cell value={action || operation} soft />}
      <Resource exchange={exchange} />
      <Outcome exchange={exchange} />
      {!narrow && <Took exchange={exchange} />}
    </>
  );
}

function SmallCells({ exchange }: { exchange: Exchange }) {
  const { time, decision, agent, state } = exchange;
  return (
    <>
      <div className="flex items-center gap-2">
        <DecisionMark decision={decision} mode={exchange.mode} />
        <Cell value={agent} className="grow" />
        <span className="font-mono text-faint text-small">{clockTime(time).slice(0, 8)}</span>
      </div>
      <div className="flex items-center gap-2">
        <Resource exchange={exchange} />
        <span className="ml-auto shrink-0">
          {state === 'completed' ? <Took exchange={exchange} /> : <Outcome exchange={exchange} />}
        </span>
      </div>
    </>
  );
}

function Cell({ value, soft = false, className }: { value: string; soft?: boolean; className?: string }) {
  return (
    <span className={classes('min-w-0 truncate', soft && 'text-soft', className)} title={value}>
      <Text value={value} className="whitespace-nowrap" />
    </span>
  );
}

function Resource({ exchange: { resource, more } }: { exchange: Exchange }) {
  if (resource === null) return <span className="truncate text-faint italic">name not here</span>;
  const { name } = splitResource(resource);
  return (
    <span className="min-w-0 truncate font-mono text-small" title={resource}>
      <Text value={name} className="whitespace-nowrap" />
      {more > 0 && <span className="text-faint"> +{more}</span>}
    </span>
  );
}

/** For a refusal its code: that it was refused, the decision has said. */
function Outcome({ exchange: { state, code } }: { exchange: Exchange }) {
  if (code === null) return <StateMark state={state} />;
  return <span className="truncate whitespace-nowrap text-soft">{code.replaceAll('_', ' ')}</span>;
}

function Took({ exchange: { duration_us } }: { exchange: Exchange }) {
  return (
    <span className="block text-right font-mono text-faint text-small">
      {duration_us === null ? '' : duration(duration_us)}
    </span>
  );
}
