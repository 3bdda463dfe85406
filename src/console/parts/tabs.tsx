import { Link, type LinkProps } from '@tanstack/react-router';
import type { ReactNode } from 'react';

export type Tab = { to: NonNullable<LinkProps['to']>; label: string; mark?: ReactNode; exact?: boolean };

/** The pages of a section. Each has an address of its own. */
export function TabBar({ label, tabs }: { label: string; tabs: readonly Tab[] }) {
  return (
    <nav
      aria-label={label}
      className="scrolls flex shrink-0 gap-4 overflow-y-hidden border-line border-b bg-surface px-4"
    >
      {tabs.map(({ to, label: word, mark, exact = false }) => (
        <Link
          key={to}
          to={to}
          activeOptions={{ exact, includeSearch: false }}
          className="whitespace-nowrap border-transparent border-b-2 py-2 font-medium text-soft -outline-offset-2 hover:text-ink"
          activeProps={{ className: 'border-accent! text-ink!', 'aria-current': 'page' }}
        >
          {word}
          {mark}
        </Link>
      ))}
    </nav>
  );
}
