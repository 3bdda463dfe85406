import type { ReactNode } from 'react';

/** A fact sheet: what it is, one fact a line. */
export function Facts({ children }: { children: ReactNode }) {
  return <dl className="grid gap-x-4 sm:grid-cols-[minmax(6rem,max-content)_minmax(0,1fr)] sm:gap-y-1">{children}</dl>;
}

/** A fact without a value is not shown: it would say that there is one. */
export function Fact({ name, children }: { name: string; children: ReactNode }) {
  if (children === null || children === undefined || children === '' || children === false) return null;
  return (
    <>
      <dt className="text-faint max-sm:pt-2 max-sm:text-small sm:py-0.5">{name}</dt>
      <dd className="min-w-0 py-0.5">{children}</dd>
    </>
  );
}

export function Section({
  title,
  id,
  aside,
  children,
}: {
  title: string;
  id?: string;
  aside?: ReactNode;
  children: ReactNode;
}) {
  return (
    <section id={id} tabIndex={id === undefined ? undefined : -1} className="scroll-mt-4 outline-none">
      <div className="mb-2 flex min-h-6 items-center justify-between gap-3">
        <h2 className="font-semibold text-soft text-small">{title}</h2>
        {aside}
      </div>
      {children}
    </section>
  );
}

export function Card({ children, className }: { children: ReactNode; className?: string }) {
  return <div className={`rounded-large border border-line bg-surface ${className ?? 'p-4'}`}>{children}</div>;
}
