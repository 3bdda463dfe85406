import { Pause, Play } from 'lucide-react';
import { useEffect, useState } from 'react';
import { DECISIONS, type Filters } from '../../api/contract/index.ts';
import { plural } from '../data/format.ts';
import type { LiveSnapshot } from '../data/live-store.ts';
import { Button, Key } from '../parts/button.tsx';
import { Choice } from '../parts/choice.tsx';
import { classes } from '../parts/classes.ts';
import { DecisionMark } from '../parts/marks.tsx';
import { parseWords, toWords } from './filter-words.ts';

type Props = {
  filters: Filters;
  onFilter: (filters: Filters) => void;
  snapshot: LiveSnapshot;
  paused: boolean;
  onPause: (paused: boolean) => void;
  onFresh: () => void;
};

export function LiveHead({ filters, onFilter, snapshot, paused, onPause, onFresh }: Props) {
  return (
    <div className="flex shrink-0 flex-wrap items-center gap-2 border-line border-b bg-surface px-3 py-2 sm:px-4">
      <FilterBox filters={filters} onFilter={onFilter} />
      <Choice
        legend="Decision"
        options={[
          { value: undefined, label: 'All' },
          ...DECISIONS.map((decision) => ({ value: decision, label: <DecisionMark decision={decision} /> })),
        ]}
        value={filters.decision}
        onChoose={(decision) =>
          onFilter(decision === undefined ? without(filters, 'decision') : { ...filters, decision })
        }
      />
      <div className="ml-auto flex items-center gap-2">
        {snapshot.fresh > 0 && (
          <Button kind="primary" onClick={onFresh}>
            {snapshot.fresh} new
          </Button>
        )}
        <Connection snapshot={snapshot} paused={paused} />
        <Button
          onClick={() => onPause(!paused)}
          aria-pressed={paused}
          title={paused ? 'Go on (p)' : 'Pause (p)'}
          icon
          aria-label="Pause"
        >
          {paused ? <Play className="size-4" /> : <Pause className="size-4" />}
        </Button>
      </div>
    </div>
  );
}

function without(filters: Filters, field: keyof Filters): Filters {
  const { [field]: _, ...rest } = filters;
  return rest;
}

/** Words and fields in one line; it is also in the address. */
function FilterBox({ filters, onFilter }: Pick<Props, 'filters' | 'onFilter'>) {
  const applied = toWords(filters);
  const [text, setText] = useState(applied);
  useEffect(() => setText(applied), [applied]);
  const apply = () => {
    const next = parseWords(text);
    if (toWords(next) === applied) setText(applied);
    else onFilter(next);
  };
  return (
    <div className="relative min-w-44 grow basis-60 sm:max-w-md">
      <input
        id="filter"
        type="search"
        aria-label="Filter"
        placeholder="agent:… server:… state:failed, or a name"
        autoComplete="off"
        spellCheck={false}
        value={text}
        onChange={(event) => setText(event.target.value)}
        onBlur={apply}
        onKeyDown={(event) => {
          if (event.key === 'Enter') apply();
          if (event.key === 'Escape') {
            setText(applied);
            event.currentTarget.blur();
          }
        }}
        className="h-8 w-full rounded-medium border border-line-strong bg-surface pr-8 pl-2.5 placeholder:text-faint"
      />
      <span className="-translate-y-1/2 pointer-events-none absolute top-1/2 right-2">
        {text === '' && <Key>/</Key>}
      </span>
    </div>
  );
}

function Connection({ snapshot, paused }: { snapshot: LiveSnapshot; paused: boolean }) {
  const { connection, strangers } = snapshot;
  const word = paused
    ? 'Paused'
    : { live: 'Live', connecting: 'Connecting', lost: 'Connecting again', refused: 'Not allowed' }[connection];
  const beating = connection === 'live' && !paused;
  return (
    <span
      role="status"
      className="flex items-center gap-1.5 whitespace-nowrap text-soft"
      title={
        strangers > 0
          ? `${plural(strangers, 'request')} without a valid credential turned away since this page was opened`
          : undefined
      }
    >
      <span
        aria-hidden="true"
        className={classes(
          'size-2 rounded-full',
          beating ? 'bg-accent motion-safe:animate-pulse' : 'border border-faint',
        )}
      />
      {word}
      {strangers > 0 && <span className="text-faint max-lg:hidden">· {plural(strangers, 'stranger')} turned away</span>}
    </span>
  );
}
