import type { ReactNode } from 'react';
import { visibleJson } from '../../api/contract/index.ts';
import { type DiffLine, diffLines, diffWords } from '../data/diff.ts';
import { classes } from './classes.ts';
import { Folded, Letters, Text } from './text.tsx';

const SIGN: Record<DiffLine['kind'], string> = { same: ' ', gone: '−', new: '+' };
const WORD: Record<DiffLine['kind'], string> = { same: '', gone: 'goes: ', new: 'comes: ' };
const INK: Record<DiffLine['kind'], string> = {
  same: 'text-soft',
  gone: 'bg-deny-soft text-deny',
  new: 'bg-permit-soft text-permit',
};

/** Lines around a change that are shown as they are; what is alike beyond them is folded. */
const AROUND = 3;

type Placed = DiffLine & { at: number };

/** What stays, what goes, what comes: by a sign and a word, which the colour only repeats. */
export function Diff({ before, after }: { before: string | null; after: string | null }) {
  const lines = diffLines(before, after).map((line, at) => ({ ...line, at }));
  return (
    <div className="scrolls rounded-medium border border-line bg-surface py-1.5 font-mono text-small leading-5">
      {folded(lines).map((part) =>
        Array.isArray(part) ? <Alike key={part[0]?.at} lines={part} /> : <Line key={part.at} line={part} />,
      )}
    </div>
  );
}

/** Long runs of lines that stay, each as one. */
function folded(lines: readonly Placed[]): (Placed | Placed[])[] {
  const near = (at: number) =>
    lines.slice(Math.max(0, at - AROUND), at + AROUND + 1).some(({ kind }) => kind !== 'same');
  const parts: (Placed | Placed[])[] = [];
  for (const line of lines) {
    const last = parts.at(-1);
    if (near(line.at)) parts.push(line);
    else if (Array.isArray(last)) last.push(line);
    else parts.push([line]);
  }
  return parts;
}

function Alike({ lines }: { lines: readonly Placed[] }) {
  return (
    <details>
      <summary className="px-3 font-sans text-faint hover:bg-hover">
        {lines.length === 1 ? 'One line alike' : `${lines.length} lines alike`}
      </summary>
      {lines.map((line) => (
        <Line key={line.at} line={line} />
      ))}
    </details>
  );
}

function Line({ line: { kind, text } }: { line: Placed }) {
  return (
    <div className={classes('flex min-h-[1lh] gap-2 px-3', INK[kind])}>
      <span aria-hidden="true" className="w-3 shrink-0 select-none">
        {SIGN[kind]}
      </span>
      <span className="sr-only">{WORD[kind]}</span>
      <Text value={text} />
    </div>
  );
}

type Sides = { before: unknown; after: unknown };

/** One place that changed, both sides of it; undefined where nothing stands. Of two texts the words that differ are marked. */
export function Change({ path, before, after }: Sides & { path: string }) {
  const verb = before === undefined ? 'comes' : after === undefined ? 'goes' : 'changes';
  return (
    <figure className="flex flex-col gap-1">
      <figcaption className="flex flex-wrap items-baseline gap-x-2">
        <Text value={path === '' ? 'all of it' : path} letters className="font-mono text-small" />
        <span className="text-faint text-small">{verb}</span>
      </figcaption>
      <div className="grid gap-1.5 @lg:grid-cols-2">
        <Side kind="gone" title="Pinned">
          {before === undefined ? undefined : <Value value={before} other={after} kind="gone" />}
        </Side>
        <Side kind="new" title="Offered">
          {after === undefined ? undefined : <Value value={after} other={before} kind="new" />}
        </Side>
      </div>
    </figure>
  );
}

function Side({ kind, title, children }: { kind: 'gone' | 'new'; title: string; children: ReactNode }) {
  return (
    <div className="min-w-0 rounded-medium border border-line bg-surface px-3 py-2">
      <p className={classes('mb-1 flex gap-1.5 text-micro', kind === 'gone' ? 'text-deny' : 'text-permit')}>
        <span aria-hidden="true">{SIGN[kind]}</span> {title}
      </p>
      <div className="break-words font-mono text-small leading-5">
        {children ?? <span className="font-sans text-faint">Not there</span>}
      </div>
    </div>
  );
}

function Value({ value, other, kind }: { value: unknown; other: unknown; kind: 'gone' | 'new' }) {
  if (typeof value === 'string' && typeof other === 'string') {
    const [before, after] = kind === 'gone' ? [value, other] : [other, value];
    return diffWords(before, after)
      .map((part, at) => ({ ...part, at }))
      .filter((part) => part.kind === 'same' || part.kind === kind)
      .map((part) => <Words key={part.at} text={part.text} changed={part.kind === kind ? kind : undefined} />);
  }
  const text = typeof value === 'string' ? value : visibleJson(value, 2);
  return (
    <Folded value={text}>
      {(shown) => (
        <span className={classes('whitespace-pre-wrap', INK[kind])}>
          {typeof value === 'string' ? <Text value={shown} letters /> : <Letters value={shown} />}
        </span>
      )}
    </Folded>
  );
}

function Words({ text, changed }: { text: string; changed: 'gone' | 'new' | undefined }) {
  if (changed === undefined) return <Text value={text} letters />;
  const Tag = changed === 'gone' ? 'del' : 'ins';
  return (
    <Tag className={classes('rounded-small underline decoration-2 underline-offset-2', INK[changed])}>
      <Text value={text} letters />
    </Tag>
  );
}
