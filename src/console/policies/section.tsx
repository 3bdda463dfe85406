import { useQuery } from '@tanstack/react-query';
import { Outlet } from '@tanstack/react-router';
import { statusQuery } from '../data/queries.ts';
import { Mark } from '../parts/marks.tsx';
import { type Tab, TabBar } from '../parts/tabs.tsx';

const IN_FORCE: Tab = { to: '/policies', label: 'In force', exact: true };
const TABS: readonly Tab[] = [
  { to: '/policies/editor', label: 'Editor' },
  { to: '/policies/suggestions', label: 'Suggestions' },
  { to: '/policies/simulate', label: 'Simulate' },
  { to: '/policies/versions', label: 'Versions' },
  { to: '/policies/grants', label: 'Grants' },
];

/** What is permitted, and how that changes: one section, a tab each. */
export function Policies() {
  const status = useQuery(statusQuery);
  const waits = status.data?.waiting.some(({ kind }) => kind === 'proposal') ?? false;
  return (
    <div className="flex h-full flex-col">
      <TabBar label="Policies" tabs={[waits ? { ...IN_FORCE, mark: <Waits /> } : IN_FORCE, ...TABS]} />
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
      <span className="sr-only">, a set waits for activation</span>
    </>
  );
}
