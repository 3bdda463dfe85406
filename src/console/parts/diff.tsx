import { type DiffLine, diffLines } from '../data/diff.ts';
import { classes } from './classes.ts';
import { Text } from './text.tsx';

const SIGN: Record<DiffLine['kind'], string> = { same: ' ', gone: '−', new: '+' };
const WORD: Record<DiffLine['kind'], string> = { same: '', gone: 'goes: ', new: 'comes: ' };
const INK: Record<DiffLine['kind'], string> = {
  same: 'text-soft',
  gone: 'bg-deny-soft text-deny',
  new: 'bg-permit-soft text-permit',
};

/** What stays, what goes, what comes: by a sign and a word, which the colour only repeats. */
export function Diff({ before, after }: { before: string | null; after: string | null }) {
  return (
    <div className="scrolls rounded-medium border border-line bg-surface py-1.5 font-mono text-small leading-5">
      {diffLines(before, after)
        .map((line, at) => ({ ...line, at }))
        .map(({ kind, text, at }) => (
          <div key={at} className={classes('flex gap-2 px-3', INK[kind])}>
            <span aria-hidden="true" className="w-3 shrink-0 select-none">
              {SIGN[kind]}
            </span>
            <span className="sr-only">{WORD[kind]}</span>
            <Text value={text} />
          </div>
        ))}
    </div>
  );
}
