import { useQuery } from '@tanstack/react-query';
import { getRouteApi } from '@tanstack/react-router';
import type { Output, PolicyVersion } from '../../api/contract/index.ts';
import { number, plural } from '../data/format.ts';
import { useKeys } from '../data/keys.ts';
import { useNames } from '../data/names.ts';
import { versionsQuery } from '../data/policy-queries.ts';
import { classes } from '../parts/classes.ts';
import { Command } from '../parts/copy.tsx';
import { Mark } from '../parts/marks.tsx';
import { Failed, Skeleton } from '../parts/states.tsx';
import { Text } from '../parts/text.tsx';
import { Ago } from '../parts/time.tsx';
import { VersionMark } from './version-mark.tsx';
import { VersionPane } from './version-pane.tsx';

const route = getRouteApi('/shell/policies/versions');

/** Every set that was in force or proposed: who wrote it, why, and what it changed. */
export function VersionsPage() {
  const { set: open } = route.useSearch();
  const navigate = route.useNavigate();
  const versions = useQuery(versionsQuery);
  const list = versions.data?.versions ?? [];
  const show = (set: string | undefined) => void navigate({ search: set === undefined ? {} : { set }, replace: true });
  const step = (by: number) => {
    const at = list.findIndex(({ set }) => set === open);
    const next = list[Math.max(0, Math.min(list.length - 1, at + by))];
    if (next !== undefined) show(next.set);
  };
  useKeys([
    ['j', () => step(1)],
    ['k', () => step(-1)],
    ['Escape', () => show(undefined)],
  ]);
  if (versions.isPending) return <Skeleton rows={8} />;
  if (versions.isError) return <Failed error={versions.error} retry={() => void versions.refetch()} />;
  const chosen = list.find(({ set }) => set === open);
  return (
    <div className="flex h-full">
      <section aria-label="Versions" className="flex min-w-0 grow flex-col">
        <Head versions={versions.data} />
        <VersionList versions={list} open={open} onOpen={show} />
        <footer className="shrink-0 border-line border-t bg-surface px-4 py-1.5 max-sm:hidden">
          <Command line="sallyport policy versions" />
        </footer>
      </section>
      {chosen !== undefined && (
        <VersionPane key={chosen.set} version={chosen} versions={versions.data} onClose={() => show(undefined)} />
      )}
    </div>
  );
}

function Head({ versions: { versions, source, two_persons, canary } }: { versions: Output<'policy.versions'> }) {
  return (
    <div className="flex shrink-0 flex-col gap-1 border-line border-b bg-surface px-4 py-2">
      <h1 className="font-semibold text-large">
        Versions <span className="font-normal text-faint">{versions.length}</span>
      </h1>
      <p className="text-small text-soft">
        Written in {source === 'folder' ? 'the folder' : 'the console'}
        {two_persons && ', proposed by one person and activated by another'}.
        {canary !== null && (
          <Mark
            tone="hold"
            word={`A canary decides for ${number(canary.share_percent)} % of the agents`}
            className="ml-2"
          />
        )}
      </p>
    </div>
  );
}

const COLUMNS =
  'grid-cols-[3rem_minmax(0,1fr)_auto] @3xl:grid-cols-[3rem_7rem_minmax(0,1fr)_minmax(6rem,10rem)_7rem_5rem]';

function VersionList({
  versions,
  open,
  onOpen,
}: {
  versions: readonly PolicyVersion[];
  open: string | undefined;
  onOpen: (set: string) => void;
}) {
  const nameOf = useNames();
  return (
    <ul className="scrolls @container min-h-0 grow bg-surface">
      {versions.map(({ set, number: nth, state, reason, author, policies, proposed_at }) => (
        <li key={set}>
          <button
            type="button"
            onClick={() => onOpen(set)}
            aria-current={set === open || undefined}
            className={classes(
              'grid w-full items-baseline gap-x-4 gap-y-0.5 border-line border-b px-4 py-2 text-left -outline-offset-2',
              COLUMNS,
              set === open ? 'bg-selected' : 'hover:bg-hover',
            )}
          >
            <span className="font-mono text-faint text-small">v{nth}</span>
            <VersionMark state={state} />
            <span className="min-w-0 truncate text-soft @max-3xl:col-span-3 @max-3xl:row-start-2">
              <Text value={reason} />
            </span>
            <span className="hidden truncate text-soft @3xl:inline">
              <Text value={nameOf(author)} />
            </span>
            <span className="hidden text-faint @3xl:inline">{plural(policies, 'policy', 'policies')}</span>
            <span className="justify-self-end text-faint">
              <Ago time={proposed_at} />
            </span>
          </button>
        </li>
      ))}
    </ul>
  );
}
