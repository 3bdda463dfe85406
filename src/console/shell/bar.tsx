import { useQuery } from '@tanstack/react-query';
import { Link, useLocation } from '@tanstack/react-router';
import { Activity, Fingerprint, Gauge, OctagonX, ScrollText, Search } from 'lucide-react';
import { isStatus } from '../data/client.ts';
import { duration, plural } from '../data/format.ts';
import { statusQuery } from '../data/queries.ts';
import { Button, Key } from '../parts/button.tsx';
import { classes } from '../parts/classes.ts';
import { Mark } from '../parts/marks.tsx';
import { Wordmark } from '../parts/wordmark.tsx';
import { IDENTITY_PATHS } from './identities.tsx';
import { PersonMenu } from './person-menu.tsx';

const PAGES = [
  { to: '/live', label: 'Live', Icon: Activity, under: [] as readonly string[] },
  { to: '/agents', label: 'Identities', Icon: Fingerprint, under: IDENTITY_PATHS },
  { to: '/policies', label: 'Policies', Icon: ScrollText, under: [] as readonly string[] },
  { to: '/status', label: 'Status', Icon: Gauge, under: [] as readonly string[] },
] as const;

/** Whether one is on this page, or on one that it stands for. */
function useIsHere(): (page: (typeof PAGES)[number]) => boolean {
  const here = useLocation({ select: ({ pathname }) => pathname });
  return ({ to, under }) => here === to || here.startsWith(`${to}/`) || under.includes(here);
}

type Props = { onStop: () => void; onPalette: () => void };

/** On every page: where one is, whether it enforces, what waits, what is wrong, and how to stop it. */
export function Bar({ onStop, onPalette }: Props) {
  const isHere = useIsHere();
  return (
    <header className="z-10 flex h-12 shrink-0 items-center gap-2 border-line border-b bg-surface px-3 sm:gap-4 sm:px-4">
      <Link to="/live" aria-label="Sallyport, Live" className="flex rounded-small">
        <span className="hidden lg:flex">
          <Wordmark />
        </span>
        <span className="lg:hidden">
          <Wordmark word={false} />
        </span>
      </Link>
      <nav aria-label="Pages" className="hidden items-center gap-0.5 sm:flex">
        {PAGES.map((page) => (
          <Link
            key={page.to}
            to={page.to}
            aria-current={isHere(page) ? 'page' : undefined}
            className={classes(
              'rounded-medium px-2.5 py-1.5 font-medium hover:bg-hover hover:text-ink',
              isHere(page) ? 'bg-hover text-ink' : 'text-soft',
            )}
          >
            {page.label}
          </Link>
        ))}
      </nav>
      <div className="hidden min-w-0 sm:block">
        <Answers />
      </div>
      <div className="ml-auto flex items-center gap-1 sm:gap-2">
        <Button kind="quiet" onClick={onPalette} aria-label="Search and commands" className="px-2 max-sm:hidden">
          <Search className="size-4" aria-hidden="true" />
          <Key>⌘K</Key>
        </Button>
        <PersonMenu />
        <Button kind="stop" onClick={onStop}>
          <OctagonX className="size-4" aria-hidden="true" />
          Stop…
        </Button>
      </div>
    </header>
  );
}

/** The three answers, without a click. Not known is said as such: never green without evidence. */
function Answers() {
  const { data, error } = useQuery(statusQuery);
  if (error !== null) {
    return <Mark tone="alert" word={isStatus(error, 0) ? 'Gateway does not answer' : 'Status not known'} />;
  }
  if (data === undefined) return <span className="text-faint">…</span>;
  const { mode, observing_until, waiting, wrong, stops, now } = data;
  return (
    <Link
      to="/status"
      aria-label="Status"
      className="flex min-w-0 items-center gap-x-4 overflow-hidden rounded-small py-1 hover:opacity-80"
    >
      {mode === 'enforcing' ? (
        <Mark tone="permit" word="Enforcing" />
      ) : (
        <Mark tone="hold" word={observingWord(observing_until, now)} />
      )}
      {wrong.length > 0 && <Mark tone="alert" word={`${wrong.length} wrong`} />}
      {waiting.length > 0 && <Mark tone="hold" word={`${waiting.length} ${waiting.length === 1 ? 'waits' : 'wait'}`} />}
      {stops > 0 && <Mark tone="deny" word={plural(stops, 'stop')} />}
      {wrong.length + waiting.length + stops === 0 && (
        <span className="truncate text-faint max-md:hidden">Nothing waits, nothing is wrong</span>
      )}
    </Link>
  );
}

/** Nobody is to forget that it is on: how long yet stands beside it, by the gateway's own clock. */
function observingWord(until: number | null, now: number): string {
  return until === null ? 'Observing' : `Observing, ${duration(Math.max(0, until - now) * 1_000)} left`;
}

/** On a phone the three answers have a line of their own. */
export function AnswerStrip() {
  return (
    <div className="flex h-8 shrink-0 items-center border-line border-b bg-surface px-3 sm:hidden">
      <Answers />
    </div>
  );
}

/** On a phone the pages are under the thumb. */
export function Tabs() {
  const isHere = useIsHere();
  return (
    <nav
      aria-label="Pages"
      className="flex shrink-0 border-line border-t bg-surface pb-[env(safe-area-inset-bottom)] sm:hidden"
    >
      {PAGES.map((page) => (
        <Link
          key={page.to}
          to={page.to}
          aria-current={isHere(page) ? 'page' : undefined}
          className={classes(
            'flex grow basis-0 flex-col items-center gap-0.5 py-2 text-micro',
            isHere(page) ? 'font-semibold text-accent' : 'text-soft',
          )}
        >
          <page.Icon className="size-5" aria-hidden="true" />
          {page.label}
        </Link>
      ))}
    </nav>
  );
}
