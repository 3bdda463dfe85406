import { useQuery } from '@tanstack/react-query';
import { getRouteApi } from '@tanstack/react-router';
import type { Output, SuggestionSummary } from '../../api/contract/index.ts';
import { number, plural } from '../data/format.ts';
import { useKeys } from '../data/keys.ts';
import { suggestionsQuery } from '../data/policy-queries.ts';
import { Choice } from '../parts/choice.tsx';
import { classes } from '../parts/classes.ts';
import { Command } from '../parts/copy.tsx';
import { Badge, Mark } from '../parts/marks.tsx';
import { Empty, Failed, Skeleton } from '../parts/states.tsx';
import { Text } from '../parts/text.tsx';
import { Ago } from '../parts/time.tsx';
import { ModeStep } from '../shell/mode-step.tsx';
import { SuggestionPane } from './suggestion-pane.tsx';

const route = getRouteApi('/shell/policies/suggestions');
const DAYS = 30;

/** For each agent in each job, the least policy that would have permitted what it did, and what it never used. */
export function SuggestionsPage() {
  const { agent, job, days = DAYS } = route.useSearch();
  const navigate = route.useNavigate();
  const suggestions = useQuery(suggestionsQuery(days));
  const list = suggestions.data?.suggestions ?? [];
  const kept = days === DAYS ? {} : { days };
  const show = (one: SuggestionSummary | undefined) =>
    void navigate({ search: one === undefined ? kept : { ...kept, agent: one.agent, job: one.job }, replace: true });
  const step = (by: number) => {
    const at = list.findIndex((one) => one.agent === agent && one.job === job);
    const next = list[Math.max(0, Math.min(list.length - 1, at + by))];
    if (next !== undefined) show(next);
  };
  useKeys([
    ['j', () => step(1)],
    ['k', () => step(-1)],
    ['Escape', () => show(undefined)],
  ]);
  if (suggestions.isPending) return <Skeleton rows={8} />;
  if (suggestions.isError) return <Failed error={suggestions.error} retry={() => void suggestions.refetch()} />;
  const chosen = list.find((one) => one.agent === agent && one.job === job);
  return (
    <div className="flex h-full">
      <section aria-label="Suggestions" className="flex min-w-0 grow flex-col">
        <Head
          read={suggestions.data.read}
          days={days}
          onDays={(next) => void navigate({ search: next === DAYS ? {} : { days: next }, replace: true })}
        />
        {list.length === 0 ? (
          <Empty title="Nothing was done in this time" command="sallyport up --observe">
            Suggestions are learnt from what agents do. While the gateway observes, what policy would refuse goes
            through, and is learnt from too.
          </Empty>
        ) : (
          <SuggestionList list={list} chosen={chosen} onOpen={show} />
        )}
        <footer className="shrink-0 border-line border-t bg-surface px-4 py-1.5 max-sm:hidden">
          <Command line={`sallyport policy suggest --since ${days}d`} />
        </footer>
      </section>
      {chosen !== undefined && (
        <SuggestionPane
          key={`${chosen.agent} ${chosen.job} ${days}`}
          agent={chosen.agent}
          job={chosen.job}
          days={days}
          onClose={() => show(undefined)}
        />
      )}
    </div>
  );
}

function Head({
  read: { decisions, unreadable },
  days,
  onDays,
}: {
  read: Output<'policy.suggestions'>['read'];
  days: number;
  onDays: (days: number) => void;
}) {
  return (
    <div className="flex shrink-0 flex-wrap items-center justify-between gap-x-4 gap-y-2 border-line border-b bg-surface px-4 py-2">
      <div>
        <h1 className="font-semibold text-large">Suggestions from use</h1>
        <p className="text-small text-soft">
          {plural(decisions, 'decision')} read
          {unreadable > 0 && <Mark tone="alert" word={`${number(unreadable)} could not be`} className="ml-2" />}
        </p>
      </div>
      <div className="flex flex-wrap items-center gap-2">
        <ModeStep />
        <Choice
          legend="How far back"
          options={[
            { value: '1', label: '1 day' },
            { value: '7', label: '7 days' },
            { value: '30', label: '30 days' },
          ]}
          value={String(days)}
          onChoose={(next) => onDays(Number(next ?? DAYS))}
        />
      </div>
    </div>
  );
}

const COLUMNS = 'grid-cols-[minmax(0,1fr)_auto] @3xl:grid-cols-[minmax(8rem,1fr)_minmax(6rem,10rem)_10rem_10rem_5rem]';

function SuggestionList({
  list,
  chosen,
  onOpen,
}: {
  list: readonly SuggestionSummary[];
  chosen: SuggestionSummary | undefined;
  onOpen: (one: SuggestionSummary) => void;
}) {
  return (
    <ul className="scrolls @container min-h-0 grow bg-surface">
      {list.map((one) => (
        <li key={`${one.agent} ${one.job}`}>
          <button
            type="button"
            onClick={() => onOpen(one)}
            aria-current={one === chosen || undefined}
            className={classes(
              'grid w-full items-center gap-x-4 gap-y-1 border-line border-b px-4 py-2 text-left -outline-offset-2',
              COLUMNS,
              one === chosen ? 'bg-selected' : 'hover:bg-hover',
            )}
          >
            <Text value={one.agent} className="truncate font-medium" />
            <span className="justify-self-start">
              <Badge>{one.job}</Badge>
            </span>
            <span className="text-faint @max-3xl:col-span-2 @max-3xl:row-start-2">
              {plural(one.calls, 'call')} in {plural(one.runs, 'run')}
            </span>
            <span className="text-faint @max-3xl:hidden">{plural(one.resources, 'resource')}</span>
            <span className="justify-self-end text-faint @max-3xl:hidden">
              <Ago time={one.last_seen} />
            </span>
          </button>
        </li>
      ))}
    </ul>
  );
}
