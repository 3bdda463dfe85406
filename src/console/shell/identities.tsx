import { useQuery } from '@tanstack/react-query';
import { Outlet } from '@tanstack/react-router';
import { useSeesPeople } from '../data/identity-queries.ts';
import { statusQuery } from '../data/queries.ts';
import { Mark } from '../parts/marks.tsx';
import { type Tab, TabBar } from '../parts/tabs.tsx';

/** Each has its own address, so that what was linked to before there was a section is still there. */
const TABS: readonly Tab[] = [
  { to: '/agents', label: 'Agents' },
  { to: '/runs', label: 'Runs' },
  { to: '/tools', label: 'Tools' },
  { to: '/people', label: 'People' },
  { to: '/vault', label: 'Vault' },
  { to: '/connections', label: 'Connections' },
];

export const IDENTITY_PATHS: readonly string[] = TABS.map(({ to }) => to);

/** Who and what acts, under whose word, and with which credentials: one section, a tab each. */
export function Identities() {
  const seesPeople = useSeesPeople();
  const status = useQuery(statusQuery);
  const waits = status.data?.waiting.some(({ kind }) => kind === 'tool') ?? false;
  const tabs = TABS.filter(({ to }) => to !== '/people' || seesPeople).map((tab) =>
    tab.to === '/tools' && waits ? { ...tab, mark: <Waits /> } : tab,
  );
  return (
    <div className="flex h-full flex-col">
      <TabBar label="Identities" tabs={tabs} />
      <div className="min-h-0 grow">
        <Outlet />
      </div>
    </div>
  );
}

function Waits() {
  return (
    <>
      <Mark tone="hold" word="" className="ml-1.5" />
      <span className="sr-only">, some wait for a decision</span>
    </>
  );
}
