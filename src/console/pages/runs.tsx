import { useQuery } from '@tanstack/react-query';
import { getRouteApi } from '@tanstack/react-router';
import { useEffect, useMemo, useRef, useState } from 'react';
import type { Run } from '../../api/contract/index.ts';
import { delegationsQuery, useNames } from '../data/identity-queries.ts';
import { useKeys } from '../data/keys.ts';
import { runsQuery } from '../data/queries.ts';
import { chainWords, hopsTo, matchesRun, stateOf } from '../data/runs.ts';
import { useNow } from '../data/use-now.ts';
import { Key } from '../parts/button.tsx';
import { classes } from '../parts/classes.ts';
import { Command } from '../parts/copy.tsx';
import { Badge } from '../parts/marks.tsx';
import { Empty, Failed, Skeleton } from '../parts/states.tsx';
import { Text } from '../parts/text.tsx';
import { Ago } from '../parts/time.tsx';
import { RunPane } from './run-pane.tsx';
import { RunState } from './run-state.tsx';

const route = getRouteApi('/shell/identity/runs');

/** What agents are doing: each run with its job, its purpose, and in whose name. */
export function RunsPage() {
  const { q = '', open: onlyOpen, run: chosen } = route.useSearch();
  const navigate = route.useNavigate();
  const runs = useQuery(runsQuery);
  const nameOf = useNames();
  const now = useNow();
  const all = runs.data?.runs ?? [];
  const shown = all.filter(
    (run) => (onlyOpen === 'no' || stateOf(run, now) === 'open' || run.id === chosen) && matchesRun(run, q, nameOf),
  );
  const search = (change: { q?: string | undefined; open?: 'no' | undefined; run?: string | undefined }) =>
    void navigate({ search: (before) => withoutAbsent({ ...before, ...change }), replace: true });
  const step = (by: number) => {
    const at = shown.findIndex(({ id }) => id === chosen);
    const next = shown[Math.max(0, Math.min(shown.length - 1, at + by))];
    if (next !== undefined) search({ run: next.id });
  };
  useKeys([
    ['j', () => step(1)],
    ['k', () => step(-1)],
    ['Escape', () => search({ run: undefined })],
    [
      '/',
      (event) => {
        event.preventDefault();
        document.getElementById('filter')?.focus();
      },
    ],
  ]);
  if (runs.isPending) return <Skeleton rows={8} />;
  if (runs.isError) return <Failed error={runs.error} retry={() => void runs.refetch()} />;
  const pane = all.find(({ id }) => id === chosen);
  return (
    <div className="flex h-full">
      <section aria-label="Runs" className="flex min-w-0 grow flex-col">
        <Head q={q} ended={onlyOpen === 'no'} count={shown.length} search={search} />
        <RunList runs={shown} all={all.length} chosen={chosen} onOpen={(run) => search({ run })} />
        <footer className="shrink-0 border-line border-t bg-surface px-4 py-1.5 max-sm:hidden">
          <Command line="sallyport run list" />
        </footer>
      </section>
      {pane !== undefined && <RunPane key={pane.id} run={pane} onClose={() => search({ run: undefined })} />}
    </div>
  );
}

type Search = { q?: string; open?: 'no'; run?: string };

function withoutAbsent(search: { [K in keyof Search]?: Search[K] | undefined }): Search {
  return Object.fromEntries(Object.entries(search).filter(([, value]) => value !== undefined && value !== ''));
}

function Head({
  q,
  ended,
  count,
  search,
}: {
  q: string;
  ended: boolean;
  count: number;
  search: (change: { q?: string | undefined; open?: 'no' | undefined }) => void;
}) {
  return (
    <div className="flex shrink-0 flex-wrap items-center gap-x-4 gap-y-2 border-line border-b bg-surface px-4 py-2">
      <h1 className="font-semibold text-large">
        Runs <span className="font-normal text-faint">{count}</span>
      </h1>
      <FilterBox applied={q} onFilter={(text) => search({ q: text })} />
      <label className="flex cursor-pointer items-center gap-2 text-soft">
        <input
          type="checkbox"
          checked={ended}
          onChange={({ target }) => search({ open: target.checked ? 'no' : undefined })}
          className="size-4 accent-accent-fill"
        />
        Ended ones too
      </label>
    </div>
  );
}

/** What is typed stands in a state of its own: the address follows, and is slower than fingers. */
function FilterBox({ applied, onFilter }: { applied: string; onFilter: (text: string) => void }) {
  const [text, setText] = useState(applied);
  const box = useRef<HTMLInputElement>(null);
  useEffect(() => {
    if (document.activeElement !== box.current) setText(applied);
  }, [applied]);
  return (
    <div className="relative min-w-40 max-w-md grow">
      <input
        ref={box}
        id="filter"
        type="search"
        aria-label="Filter runs"
        placeholder="Agent, job, purpose, person or id"
        autoComplete="off"
        spellCheck={false}
        value={text}
        onChange={(event) => {
          setText(event.target.value);
          onFilter(event.target.value);
        }}
        onKeyDown={(event) => event.key === 'Escape' && event.currentTarget.blur()}
        className="h-8 w-full rounded-medium border border-line-strong bg-surface pr-8 pl-2.5 placeholder:text-faint"
      />
      <span className="-translate-y-1/2 pointer-events-none absolute top-1/2 right-2">
        {text === '' && <Key>/</Key>}
      </span>
    </div>
  );
}

function RunList({
  runs,
  all,
  chosen,
  onOpen,
}: {
  runs: readonly Run[];
  all: number;
  chosen: string | undefined;
  onOpen: (id: string) => void;
}) {
  if (all === 0) {
    return (
      <Empty title="No run was opened yet" command="sallyport agent run triage --job triage-issues">
        A run is one doing of one job. It begins when an agent gets a token for the job, or when somebody opens one.
      </Empty>
    );
  }
  if (runs.length === 0) return <Empty title="No such run">None of the newest {all} is as the filter says.</Empty>;
  return (
    <ul className="scrolls @container min-h-0 grow bg-surface">
      {runs.map((run) => (
        <RunLine key={run.id} run={run} current={run.id === chosen} onOpen={() => onOpen(run.id)} />
      ))}
    </ul>
  );
}

/** By the width of the list, since a pane may stand beside it. */
const COLUMNS =
  'grid-cols-[minmax(0,1fr)_auto] @2xl:grid-cols-[minmax(7rem,12rem)_minmax(0,1fr)_auto] @5xl:grid-cols-[minmax(8rem,14rem)_minmax(8rem,12rem)_minmax(0,1fr)_8rem_7rem]';

function RunLine({ run, current, onOpen }: { run: Run; current: boolean; onOpen: () => void }) {
  return (
    <li>
      <button
        type="button"
        onClick={onOpen}
        aria-current={current || undefined}
        className={classes(
          'grid w-full items-center gap-x-4 gap-y-1 border-line border-b px-4 py-2 text-left -outline-offset-2',
          COLUMNS,
          current ? 'bg-selected' : 'hover:bg-hover',
        )}
      >
        <Text value={run.agent} className="truncate font-medium" />
        <span className="flex min-w-0 flex-wrap gap-1 @max-2xl:col-span-2 @max-2xl:row-start-2">
          <Badge>{run.job}</Badge>
          {run.purpose !== null && <Badge>{`for ${run.purpose}`}</Badge>}
        </span>
        <span className="truncate text-soft @max-2xl:col-span-2 @max-5xl:hidden">
          <InWhoseName run={run} />
        </span>
        <span className="hidden text-faint @5xl:inline">
          opened <Ago time={run.opened_at} />
        </span>
        <span className="justify-self-end">
          <RunState run={run} />
        </span>
      </button>
    </li>
  );
}

/** Its chain where it has one, else the person, else nobody. */
function InWhoseName({ run }: { run: Run }) {
  const delegations = useQuery(delegationsQuery);
  const byId = useMemo(
    () => new Map((delegations.data?.delegations ?? []).map((each) => [each.id, each])),
    [delegations.data],
  );
  if (run.delegation === null) return run.subject === null ? 'in its own name' : <For name={run.subject} />;
  const words = chainWords(hopsTo(run.delegation, byId) ?? [], run.subject);
  return words.length === 0 ? 'by delegation' : <Text value={words.join(' → ')} />;
}

function For({ name }: { name: string }) {
  return (
    <>
      in the name of <Text value={name} />
    </>
  );
}
