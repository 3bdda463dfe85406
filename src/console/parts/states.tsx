import { CircleAlert, Inbox } from 'lucide-react';
import type { ReactNode } from 'react';
import { ApiError } from '../data/client.ts';
import { Button } from './button.tsx';
import { Command } from './copy.tsx';
import { Text } from './text.tsx';

/** Nothing here yet: what would appear, and the command that makes it appear. */
export function Empty({
  title,
  children,
  command,
}: {
  title: string;
  children?: ReactNode;
  command?: string | undefined;
}) {
  return (
    <div className="mx-auto flex w-full max-w-lg flex-col items-center gap-3 px-6 py-16 text-center">
      <Inbox className="size-6 text-faint" aria-hidden="true" />
      <h2 className="font-semibold text-large">{title}</h2>
      {children !== undefined && <div className="text-balance text-soft">{children}</div>}
      {command !== undefined && (
        <div className="mt-1 w-full text-left">
          <Command line={command} />
        </div>
      )}
    </div>
  );
}

const REMEDIES: Readonly<Record<string, string>> = {
  unreachable: 'Is it running? Start it, and this page goes on by itself.',
  role_missing: 'Ask an admin for a role that may see this.',
  log_unavailable: 'Nothing is forwarded until the log can be written. Look at the disk and the database.',
  answer_unexpected: 'Reload the page: the gateway was probably updated.',
};

/** What happened, what to do, and the receipt, where there is one. */
export function Failed({ error, retry }: { error: unknown; retry?: (() => void) | undefined }) {
  const problem =
    error instanceof ApiError ? error.problem : { code: 'bug', message: 'This page failed.', detail: String(error) };
  return (
    <div role="alert" className="mx-auto flex w-full max-w-lg flex-col items-center gap-2 px-6 py-16 text-center">
      <CircleAlert className="size-6 text-alert" aria-hidden="true" />
      <h2 className="font-semibold text-large">
        <Text value={problem.message} />
      </h2>
      <p className="text-soft">{REMEDIES[problem.code]}</p>
      {problem.detail !== undefined && (
        <p className="text-faint text-small">
          <Text value={problem.detail} />
        </p>
      )}
      <p className="font-mono text-faint text-small">
        {problem.code}
        {'receipt' in problem && problem.receipt !== undefined ? ` · ${problem.receipt}` : ''}
      </p>
      {problem.code === 'unreachable' && (
        <div className="mt-1 w-full text-left">
          <Command line="sallyport up" />
        </div>
      )}
      {retry !== undefined && (
        <Button onClick={retry} className="mt-2">
          Try again
        </Button>
      )}
    </div>
  );
}

/** A refusal in a form, beside what it is about. */
export function Refused({ error }: { error: unknown }) {
  if (error === null || error === undefined) return null;
  const problem =
    error instanceof ApiError ? error.problem : { code: 'bug', message: String(error), detail: undefined };
  const about =
    'issues' in problem && problem.issues !== undefined
      ? problem.issues.map(({ message }) => message).join('; ')
      : problem.detail;
  return (
    <p role="alert" className="rounded-medium bg-deny-soft px-3 py-2 text-deny">
      <Text value={problem.message} />
      {about !== undefined && (
        <span className="mt-0.5 block text-small">
          <Text value={about} />
        </span>
      )}
    </p>
  );
}

export function Skeleton({ rows = 6 }: { rows?: number }) {
  return (
    <div role="status" aria-label="Loading" className="appear-late flex flex-col gap-3 p-4">
      {Array.from({ length: rows }, (_, at) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: bars of a skeleton are alike
        <div key={at} className="h-4 rounded-small bg-hover" style={{ width: `${92 - ((at * 17) % 40)}%` }} />
      ))}
    </div>
  );
}
