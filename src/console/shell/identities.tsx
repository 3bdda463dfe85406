import { useQuery } from '@tanstack/react-query';
import { Link, Outlet } from '@tanstack/react-router';
import { useSeesPeople } from '../data/identity-queries.ts';
import { statusQuery } from '../data/queries.ts';
import { Mark } from '../parts/marks.tsx';

/** Each has its own address, so that what was linked to before there was a section is still there. */
const TABS = [
  { to: '/agents', label: 'Agents' },
  { to: '/runs', label: 'Runs' },
  { to: '/tools', label: 'Tools' },
  { to: '/people', label: 'People' },
  { to: '/vault', label: 'Vault' },
] as const;

export const IDENTITY_PATHS: readonly string[] = TABS.map(({ to }) => to);

/** Who and what acts, under whose word, and with which credentials: one section, a tab each. */
export function Identities() {
  const seesPeople = useSeesPeople();
  const status = useQuery(statusQuery);
  const waits = status.data?.waiting.some(({ kind }) => kind === 'tool') ?? false;
  return (
    <div className="flex h-full flex-col">
      <nav
        aria-label="Identities"
        className="scrolls flex shrink-0 gap-4 overflow-y-hidden border-line border-b bg-surface px-4"
      >
        {TABS.filter(({ to }) => to !== '/people' || seesPeople).map(({ to, label }) => (
          <Link
            key={to}
            to={to}
            className="whitespace-nowrap border-transparent border-b-2 py-2 font-medium text-soft -outline-offset-2 hover:text-ink"
            activeProps={{ className: 'border-accent! text-ink!', 'aria-current': 'page' }}
          >
            {label}
            {to === '/tools' && waits && <Mark tone="hold" word="" className="ml-1.5" />}
            {to === '/tools' && waits && <span className="sr-only">, some wait for a decision</span>}
          </Link>
        ))}
      </nav>
      <div className="min-h-0 grow">
        <Outlet />
      </div>
    </div>
  );
}
