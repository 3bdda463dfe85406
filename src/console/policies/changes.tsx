import { Diff } from '../parts/diff.tsx';
import { Text } from '../parts/text.tsx';

type Change = { id: string; before: string | null; after: string | null };

/** What a set says otherwise, policy by policy, and why that may widen what is permitted. */
export function Changes({ changes, widens }: { changes: readonly Change[]; widens: readonly string[] }) {
  return (
    <div className="flex flex-col gap-3">
      {widens.length > 0 && (
        <ul className="flex flex-col gap-1">
          {widens.map((why) => (
            <li key={why}>
              It may widen what is permitted: <Text value={why} />.
            </li>
          ))}
        </ul>
      )}
      {changes.map(({ id, before, after }) => (
        <figure key={id} className="flex flex-col gap-1">
          <figcaption className="flex items-center gap-2">
            <Text value={id} className="font-mono text-small" />
            <span className="text-faint text-small">
              {before === null ? 'comes' : after === null ? 'goes' : 'changes'}
            </span>
          </figcaption>
          <Diff before={before} after={after} />
        </figure>
      ))}
    </div>
  );
}
