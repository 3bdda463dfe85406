import type { PolicyEntry } from '../../api/contract/index.ts';
import { classes } from '../parts/classes.ts';
import { Badge, Mark } from '../parts/marks.tsx';
import { Text } from '../parts/text.tsx';

/** By the width of the list, since a pane may stand beside it. */
const COLUMNS = 'grid-cols-[5rem_minmax(0,1fr)] @3xl:grid-cols-[5rem_minmax(9rem,16rem)_minmax(0,1fr)_auto]';

export function PolicyList({
  policies,
  open,
  onOpen,
}: {
  policies: readonly PolicyEntry[];
  open: string | undefined;
  onOpen: (id: string) => void;
}) {
  return (
    <ul className="overflow-hidden rounded-large border border-line bg-surface">
      {policies.map((policy) => (
        <li
          key={policy.id}
          className="border-line [contain-intrinsic-size:auto_44px] [content-visibility:auto] not-last:border-b"
        >
          <button
            type="button"
            onClick={() => onOpen(policy.id)}
            aria-current={policy.id === open || undefined}
            className={classes(
              'grid w-full items-baseline gap-x-4 gap-y-0.5 px-4 py-2.5 text-left -outline-offset-2',
              COLUMNS,
              policy.id === open ? 'bg-selected' : 'hover:bg-hover',
            )}
          >
            <EffectMark effect={policy.effect} />
            <Text value={policy.id} className="truncate font-mono text-small" />
            <span className="text-soft @max-3xl:col-span-2">
              <Text value={policy.reason} />
            </span>
            <span className="flex items-center gap-2 text-faint text-small @max-3xl:col-span-2">
              {!policy.compiled && <Badge>cedar-wasm</Badge>}
              <Text value={`${policy.file}:${policy.line}`} />
            </span>
          </button>
        </li>
      ))}
    </ul>
  );
}

export function EffectMark({ effect }: { effect: PolicyEntry['effect'] }) {
  return <Mark tone={effect === 'permit' ? 'permit' : 'deny'} word={effect} />;
}
