import { Check, Copy } from 'lucide-react';
import { useState } from 'react';
import { classes } from './classes.ts';
import { Lines, Text } from './text.tsx';

/** Copies; says so for a moment. */
export function CopyButton({ value, what }: { value: string; what: string }) {
  const [copied, setCopied] = useState(false);
  const copy = () =>
    navigator.clipboard.writeText(value).then(
      () => {
        setCopied(true);
        setTimeout(() => setCopied(false), 1_500);
      },
      () => undefined,
    );
  return (
    <button
      type="button"
      onClick={copy}
      aria-label={copied ? 'Copied' : `Copy ${what}`}
      title={copied ? 'Copied' : `Copy ${what}`}
      className="inline-flex size-6 shrink-0 items-center justify-center rounded-small text-faint hover:bg-hover hover:text-ink"
    >
      {copied ? <Check className="size-3.5 text-permit" /> : <Copy className="size-3.5" />}
    </button>
  );
}

/** An id: whole where there is room, never wrapped, always there to copy. */
export function Id({ value, short, className }: { value: string; short?: string; className?: string }) {
  return (
    <span className={classes('inline-flex min-w-0 max-w-full items-center gap-0.5', className)}>
      <span className="truncate font-mono text-small" title={value}>
        {short ?? value}
      </span>
      <CopyButton value={value} what="id" />
    </span>
  );
}

/** The command that shows, or does, the same. */
export function Command({ line, label = 'The same at the command line' }: { line: string; label?: string }) {
  return (
    <div className="flex min-w-0 items-center gap-2 rounded-medium border border-line bg-sunken py-0.5 pr-0.5 pl-2.5">
      <span className="sr-only">{label}</span>
      <span aria-hidden="true" className="select-none font-mono text-faint text-small">
        $
      </span>
      <code className="min-w-0 grow truncate py-1 font-mono text-small" title={line}>
        <Text value={line} className="whitespace-nowrap" />
      </code>
      <CopyButton value={line} what="command" />
    </div>
  );
}

/** A block of text to take away: a receipt, a proof, a key. */
export function Block({ value, what, children }: { value: string; what: string; children?: React.ReactNode }) {
  return (
    <div className="relative rounded-medium border border-line bg-sunken">
      <div className="absolute top-1 right-1 rounded-small bg-sunken">
        <CopyButton value={value} what={what} />
      </div>
      <pre className="scrolls max-h-96 p-3 pr-9 font-mono text-small leading-5">
        {children ?? <Lines value={value} />}
      </pre>
    </div>
  );
}
