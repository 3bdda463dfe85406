import { X } from 'lucide-react';
import type { ReactNode } from 'react';
import { Button } from './button.tsx';

/** One object beside its list; over it where there is no room for both. */
export function Pane({
  label,
  title,
  onClose,
  children,
}: {
  label: string;
  title: ReactNode;
  onClose: () => void;
  children: ReactNode;
}) {
  return (
    <aside
      aria-label={label}
      className="scrolls flex w-full flex-col gap-6 border-line bg-canvas p-4 max-lg:fixed max-lg:inset-0 max-lg:z-20 lg:w-[min(46%,40rem)] lg:shrink-0 lg:border-l"
    >
      <header className="flex items-start justify-between gap-3">
        <div className="flex min-w-0 flex-col gap-1">{title}</div>
        <Button kind="quiet" icon aria-label="Close" title="Close (esc)" onClick={onClose}>
          <X className="size-4" />
        </Button>
      </header>
      {children}
    </aside>
  );
}

/** Rows of a pane's section. */
export function Rows({ children }: { children: ReactNode }) {
  return <ul className="divide-y divide-line rounded-large border border-line bg-surface">{children}</ul>;
}

export function Row({ children, aside }: { children: ReactNode; aside?: ReactNode }) {
  return (
    <li className="flex items-center justify-between gap-3 px-3 py-2">
      <span className="flex min-w-0 flex-col">{children}</span>
      {aside}
    </li>
  );
}
