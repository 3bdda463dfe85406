import { useQuery } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { useEffect, useMemo, useRef, useState } from 'react';
import { agentsQuery, statusQuery } from '../data/queries.ts';
import { applyTheme } from '../data/theme.ts';
import { classes } from '../parts/classes.ts';
import { Text } from '../parts/text.tsx';
import type { StopTarget } from './stop-dialog.tsx';

type Entry = { id: string; kind: string; name: string; act: () => void };
type Props = { onClose: () => void; onStop: (target?: StopTarget) => void };

type PageAddress =
  | '/live'
  | '/agents'
  | '/runs'
  | '/tools'
  | '/people'
  | '/vault'
  | '/status'
  | '/policies'
  | '/policies/editor'
  | '/policies/suggestions'
  | '/policies/simulate'
  | '/policies/versions'
  | '/policies/grants';

const SHOWN_MAX = 50;

/** Everything, by name. A receipt's id goes straight to its story. */
export function Palette({ onClose, onStop }: Props) {
  const ref = useRef<HTMLDialogElement>(null);
  const [wanted, setWanted] = useState('');
  const [at, setAt] = useState(0);
  useEffect(() => ref.current?.showModal(), []);
  const entries = useEntries(wanted, onStop);
  const current = entries[Math.min(at, entries.length - 1)];
  const act = (entry: Entry | undefined) => {
    if (entry === undefined) return;
    onClose();
    entry.act();
  };
  return (
    <dialog
      ref={ref}
      aria-label="Search and commands"
      onCancel={onClose}
      onPointerDown={(event) => event.target === ref.current && onClose()}
      className="mx-auto mt-[12vh] w-[calc(100%-32px)] max-w-xl rounded-large border border-line bg-raised text-ink shadow-raised"
    >
      <input
        role="combobox"
        aria-expanded="true"
        aria-controls="palette-entries"
        aria-activedescendant={current === undefined ? undefined : `palette-${current.id}`}
        aria-label="Go to, or do"
        placeholder="Go to, or do…"
        value={wanted}
        onChange={(event) => {
          setWanted(event.target.value);
          setAt(0);
        }}
        onKeyDown={(event) => {
          const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
          if (step !== undefined) {
            event.preventDefault();
            setAt(Math.max(0, Math.min(entries.length - 1, at + step)));
          } else if (event.key === 'Enter') act(current);
        }}
        className="h-12 w-full border-line border-b bg-transparent px-4 text-large outline-none placeholder:text-faint"
      />
      <div id="palette-entries" role="listbox" aria-label="Found" className="scrolls max-h-80 p-1.5">
        {entries.length === 0 && (
          <p className="px-3 py-6 text-center text-faint">
            Nothing of that name. Paste a receipt’s id to open its story.
          </p>
        )}
        {entries.map((entry) => (
          <div
            key={entry.id}
            id={`palette-${entry.id}`}
            role="option"
            tabIndex={-1}
            aria-selected={entry === current}
            onPointerMove={() => setAt(entries.indexOf(entry))}
            onPointerUp={() => act(entry)}
            className={classes(
              'flex items-center justify-between gap-4 rounded-medium px-2.5 py-1.5',
              entry === current && 'bg-selected',
            )}
          >
            <Text value={entry.name} className="truncate" />
            <span className="shrink-0 text-faint text-small">{entry.kind}</span>
          </div>
        ))}
      </div>
    </dialog>
  );
}

function useEntries(wanted: string, onStop: Props['onStop']): Entry[] {
  const navigate = useNavigate();
  const agents = useQuery(agentsQuery);
  const status = useQuery(statusQuery);
  const all = useMemo<Entry[]>(() => {
    const page = (to: PageAddress, name: string) => ({
      id: to,
      kind: 'page',
      name,
      act: () => void navigate({ to }),
    });
    const live = (id: string, name: string, search: Record<string, string>) => ({
      id,
      kind: 'filter',
      name,
      act: () => void navigate({ to: '/live', search }),
    });
    return [
      page('/live', 'Live'),
      page('/agents', 'Identities: agents'),
      page('/runs', 'Identities: runs'),
      page('/tools', 'Identities: tools'),
      page('/people', 'Identities: people'),
      page('/vault', 'Identities: vault'),
      page('/policies', 'Policies: in force'),
      page('/policies/editor', 'Policies: editor'),
      page('/policies/suggestions', 'Policies: suggestions from use'),
      page('/policies/simulate', 'Policies: simulate, and run beside'),
      page('/policies/versions', 'Policies: versions'),
      page('/policies/grants', 'Policies: temporary grants'),
      page('/status', 'Status'),
      live('denied', 'Live: only what was denied', { decision: 'deny' }),
      live('failed', 'Live: only what failed', { state: 'failed' }),
      { id: 'stop', kind: 'stop', name: 'Stop everything…', act: () => onStop({ kind: 'all' }) },
      ...(agents.data?.agents ?? []).flatMap(({ id }) => [
        {
          id: `agent-${id}`,
          kind: 'agent',
          name: id,
          act: () => void navigate({ to: '/agents', search: { agent: id } }),
        },
        live(`live-${id}`, `Live: ${id}`, { agent: id }),
        { id: `stop-${id}`, kind: 'stop', name: `Stop ${id}…`, act: () => onStop({ kind: 'agent', id }) },
      ]),
      ...(status.data?.upstreams ?? []).map(({ server }) =>
        live(`server-${server}`, `Live: ${server}`, { upstream: server }),
      ),
      ...(['light', 'dark', 'system'] as const).map((theme) => ({
        id: theme,
        kind: 'appearance',
        name: `Appearance: ${theme}`,
        act: () => applyTheme(theme),
      })),
    ];
  }, [agents.data, status.data, navigate, onStop]);
  const receipt = /rcp_[0-9a-v]{26}/.exec(wanted)?.[0];
  if (receipt !== undefined) {
    return [
      {
        id: 'receipt',
        kind: 'receipt',
        name: `Why ${receipt}`,
        act: () => void navigate({ to: '/exchanges/$receipt', params: { receipt } }),
      },
    ];
  }
  const words = wanted.toLowerCase().split(/\s+/).filter(Boolean);
  return all
    .filter(({ name, kind }) => words.every((word) => `${kind} ${name}`.toLowerCase().includes(word)))
    .slice(0, SHOWN_MAX);
}
