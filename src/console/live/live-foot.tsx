import type { Filters } from '../../api/contract/index.ts';
import { number } from '../data/format.ts';
import type { LiveSnapshot } from '../data/live-store.ts';
import { Key } from '../parts/button.tsx';
import { Command } from '../parts/copy.tsx';
import { tailCommand } from './filter-words.ts';

const KEYS = [
  ['j k', 'move'],
  ['↵', 'open'],
  ['w', 'why'],
  ['/', 'filter'],
  ['p', 'pause'],
] as const;

/** How many of how many, the keys, and the command that shows the same. */
export function LiveFoot({ filters, snapshot }: { filters: Filters; snapshot: LiveSnapshot }) {
  return (
    <footer className="flex shrink-0 items-center gap-4 border-line border-t bg-surface px-4 py-1.5 text-small max-sm:hidden">
      <span className="whitespace-nowrap text-faint">
        {number(snapshot.shown)} shown
        {snapshot.older === 'more' ? `, ${number(snapshot.scanned)} log entries looked at` : ''}
      </span>
      <span className="flex items-center gap-3 text-faint max-lg:hidden">
        {KEYS.map(([key, what]) => (
          <span key={key} className="flex items-center gap-1 whitespace-nowrap">
            {key.split(' ').map((each) => (
              <Key key={each}>{each}</Key>
            ))}
            {what}
          </span>
        ))}
      </span>
      <div className="ml-auto min-w-0 max-w-md grow">
        <Command line={tailCommand(filters)} />
      </div>
    </footer>
  );
}
