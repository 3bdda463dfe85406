import { type ReactNode, useState } from 'react';
import { visibleParts } from '../../api/contract/index.ts';
import { number } from '../data/format.ts';
import { classes } from './classes.ts';

const FOLD_AT = 4_000;

/**
 * Text that somebody else wrote: an agent, a server, a policy's author. What cannot be seen is drawn as a mark, and no
 * character turns the direction of what stands beside it.
 */
export function Text({ value, className }: { value: string; className?: string | undefined }) {
  return (
    <bdi dir="ltr" className={classes('whitespace-pre-wrap break-words', className)}>
      {visibleParts(value).map(({ text, unseen, at }) => (unseen ? <Unseen key={at} name={text} /> : text))}
    </bdi>
  );
}

function Unseen({ name }: { name: string }) {
  return (
    <span
      className="mx-px rounded-small bg-alert-soft px-0.5 font-mono text-alert text-micro"
      title="A character that would not be seen"
    >
      {name}
    </span>
  );
}

/** The same over several lines, which stay lines. */
export function Lines({ value }: { value: string }) {
  return value
    .split(/\r?\n/)
    .map((line, at) => ({ at, line }))
    .map(({ at, line }) => (
      <span key={at} className="block min-h-[1lh]">
        <Text value={line} />
      </span>
    ));
}

/** A long text, folded, with its length: a megabyte does not push the page away. */
export function Folded({ value, children }: { value: string; children: (shown: string) => ReactNode }) {
  const [open, setOpen] = useState(false);
  const long = value.length > FOLD_AT;
  return (
    <>
      {children(long && !open ? `${value.slice(0, FOLD_AT)}…` : value)}
      {long && (
        <button
          type="button"
          onClick={() => setOpen(!open)}
          className="mt-1 block font-sans text-accent text-small hover:underline"
        >
          {open ? 'Fold' : `Show all ${number(value.length)} characters`}
        </button>
      )}
    </>
  );
}
