import { type ReactNode, useState } from 'react';
import { codePointName, lookalikesOf, visibleParts } from '../../api/contract/index.ts';
import { number } from '../data/format.ts';
import { classes } from './classes.ts';

const FOLD_AT = 4_000;

type Foreign = {
  value: string;
  /** Where names and words are to be trusted by how they look: letters that pass for others are marked too. */
  letters?: boolean | undefined;
};

/**
 * Text that somebody else wrote: an agent, a server, a policy's author. What cannot be seen is drawn as a mark, and no
 * character turns the direction of what stands beside it.
 */
export function Text({ value, letters, className }: Foreign & { className?: string | undefined }) {
  return (
    <bdi dir="ltr" className={classes('whitespace-pre-wrap break-words', className)}>
      {visibleParts(value).map(({ text, unseen, at }) => {
        if (unseen) return <Unseen key={at} name={text} />;
        return letters ? <Letters key={at} value={text} /> : text;
      })}
    </bdi>
  );
}

/** Marks letters of other scripts that pass for ours, each with what it is. */
export function Letters({ value }: { value: string }) {
  let from = 0;
  const marked: ReactNode[] = [];
  for (const { at, character, drawn_like } of lookalikesOf(value)) {
    const name = codePointName(character);
    marked.push(
      value.slice(from, at),
      <span
        key={at}
        className="mx-px rounded-small bg-alert-soft px-0.5 text-alert"
        title={`${name}, drawn like ${drawn_like}`}
      >
        {character}
        <span className="ml-0.5 font-mono text-micro">{name}</span>
      </span>,
    );
    from = at + character.length;
  }
  return [...marked, value.slice(from)];
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
export function Lines({ value, letters }: Foreign) {
  return value
    .split(/\r?\n/)
    .map((line, at) => ({ at, line }))
    .map(({ at, line }) => (
      <span key={at} className="block min-h-[1lh]">
        <Text value={line} letters={letters} />
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
