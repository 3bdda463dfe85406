import { useQuery } from '@tanstack/react-query';
import { getRouteApi } from '@tanstack/react-router';
import { useMemo, useState } from 'react';
import { partWord, type ToolPart } from '../../api/contract/index.ts';
import { plural } from '../data/format.ts';
import { useKeys } from '../data/keys.ts';
import { toolsQuery } from '../data/queries.ts';
import { narrowed, TOOL_FILTERS, type ToolFilter, type ToolSearch, waits } from '../data/tools.ts';
import { Button, Key } from '../parts/button.tsx';
import { Choice } from '../parts/choice.tsx';
import { Command } from '../parts/copy.tsx';
import { Empty, Failed, Skeleton } from '../parts/states.tsx';
import { DecideAll } from './tool-decide.tsx';
import { ToolList } from './tool-list.tsx';
import { ToolPane } from './tool-pane.tsx';

const route = getRouteApi('/shell/identity/tools');

/** What servers offer, who has looked at it, and what waits for somebody to. */
export function ToolsPage() {
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const tools = useQuery(toolsQuery);
  const [deciding, setDeciding] = useState<string | undefined>();
  const all = tools.data?.parts ?? [];
  const shown = useMemo(() => narrowed(tools.data?.parts ?? [], search), [tools.data, search]);
  const change = (next: ToolSearch) => void navigate({ search: next, replace: true });
  const show = (part: string | undefined) => change(part === undefined ? withoutPart(search) : { ...search, part });
  const step = (by: number) => {
    const at = shown.findIndex((part) => partWord(part) === search.part);
    const next = shown[Math.max(0, Math.min(shown.length - 1, at + by))];
    if (next !== undefined) show(partWord(next));
  };
  useToolKeys({ step, close: () => show(undefined) });
  if (tools.isPending) return <Skeleton rows={10} />;
  if (tools.isError) return <Failed error={tools.error} retry={() => void tools.refetch()} />;
  const open = all.find((part) => partWord(part) === search.part);
  return (
    <div className="flex h-full">
      <section aria-label="Tools" className="flex min-w-0 grow flex-col">
        <Head parts={all} search={search} onSearch={change} />
        {shown.length === 0 ? (
          <Nothing met={all.length > 0} onUnfilter={() => change({})} />
        ) : (
          <ToolList parts={shown} open={search.part} onOpen={show} onDecide={setDeciding} />
        )}
        <footer className="shrink-0 border-line border-t bg-surface px-4 py-1.5 max-sm:hidden">
          <Command line="sallyport tool list" />
        </footer>
      </section>
      {open !== undefined && (
        <ToolPane key={search.part} part={open} parts={all} onOpen={show} onClose={() => show(undefined)} />
      )}
      {deciding !== undefined && (
        <DecideAll
          server={deciding}
          parts={all.filter((part) => part.server === deciding && waits(part))}
          onClose={() => setDeciding(undefined)}
        />
      )}
    </div>
  );
}

function withoutPart({ part: _, ...rest }: ToolSearch): ToolSearch {
  return rest;
}

function useToolKeys({ step, close }: { step: (by: number) => void; close: () => void }) {
  const instead = (act: () => void) => (event: KeyboardEvent) => {
    event.preventDefault();
    act();
  };
  useKeys([
    ['j', () => step(1)],
    ['k', () => step(-1)],
    ['ArrowDown', instead(() => step(1))],
    ['ArrowUp', instead(() => step(-1))],
    ['Escape', close],
    ['/', instead(() => document.getElementById('filter')?.focus())],
  ]);
}

const FILTER_LABELS: Record<ToolFilter, string> = {
  waits: 'Waits',
  unseen: 'Nobody looked',
  approved: 'Approved',
  rejected: 'Rejected',
  removed: 'Removed',
};

type HeadProps = { parts: readonly ToolPart[]; search: ToolSearch; onSearch: (search: ToolSearch) => void };

function Head({ parts, search, onSearch }: HeadProps) {
  const { q, state, ...rest } = search;
  const servers = new Set(parts.map(({ server }) => server)).size;
  const tools = parts.filter(({ kind }) => kind === 'tool').length;
  const choose = (next: ToolFilter | undefined) =>
    onSearch({ ...rest, ...(q === undefined ? {} : { q }), ...(next === undefined ? {} : { state: next }) });
  const look = (text: string) =>
    onSearch({ ...rest, ...(state === undefined ? {} : { state }), ...(text === '' ? {} : { q: text }) });
  return (
    <div className="flex shrink-0 flex-wrap items-center gap-x-4 gap-y-2 border-line border-b bg-surface px-4 py-2">
      <h1 className="font-semibold text-large">
        Tools{' '}
        <span className="font-normal text-faint">
          {tools} from {plural(servers, 'server')}
        </span>
      </h1>
      <Choice
        legend="State"
        options={[
          { value: undefined, label: 'All' },
          ...TOOL_FILTERS.map((value) => ({
            value,
            label: <Counted label={FILTER_LABELS[value]} count={narrowed(parts, { state: value }).length} />,
          })),
        ]}
        value={state}
        onChoose={choose}
      />
      <div className="relative min-w-44 grow basis-52 sm:max-w-xs">
        <input
          id="filter"
          type="search"
          aria-label="Filter"
          placeholder="A server’s or a tool’s name"
          autoComplete="off"
          spellCheck={false}
          value={q ?? ''}
          onChange={(event) => look(event.target.value)}
          onKeyDown={(event) => event.key === 'Escape' && event.currentTarget.blur()}
          className="h-8 w-full rounded-medium border border-line-strong bg-surface pr-8 pl-2.5 placeholder:text-faint"
        />
        <span className="-translate-y-1/2 pointer-events-none absolute top-1/2 right-2">
          {q === undefined && <Key>/</Key>}
        </span>
      </div>
    </div>
  );
}

function Counted({ label, count }: { label: string; count: number }) {
  return (
    <span className="whitespace-nowrap">
      {label} <span className={count > 0 ? 'font-semibold' : 'text-faint'}>{count}</span>
    </span>
  );
}

function Nothing({ met, onUnfilter }: { met: boolean; onUnfilter: () => void }) {
  if (!met) {
    return (
      <div className="scrolls min-h-0 grow bg-surface">
        <Empty title="No server has been met yet" command="sallyport status">
          A server is met when an agent first uses it. What it offers then appears here, and waits, or is trusted, as{' '}
          <code className="font-mono">tools.first_use</code> says.
        </Empty>
      </div>
    );
  }
  return (
    <div className="scrolls min-h-0 grow bg-surface">
      <Empty title="Nothing matches">
        <Button onClick={onUnfilter}>Show everything</Button>
      </Empty>
    </div>
  );
}
