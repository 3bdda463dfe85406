import { type ReactNode, useState } from 'react';
import type { Edit, PolicyFiles } from '../data/policy-draft.ts';
import { Button } from '../parts/button.tsx';
import { Choice } from '../parts/choice.tsx';
import { Diff } from '../parts/diff.tsx';
import { Text } from '../parts/text.tsx';
import { Cases } from './bench-cases.tsx';
import { Try } from './bench-try.tsx';
import { Means } from './means.tsx';

type Props = {
  base: string;
  /** The files as they are stored, and as they are typed. */
  stored: PolicyFiles;
  shown: PolicyFiles;
  edits: readonly Edit[];
  onDrop: (name: string) => void;
};

const VIEWS = ['try', 'cases', 'changes'] as const;
type View = (typeof VIEWS)[number];

/** Beside the text: what it would decide, whether its cases hold, and what is changed. */
export function Bench(props: Props) {
  const [view, setView] = useState<View>('try');
  const { edits } = props;
  return (
    <aside
      aria-label="Test bench"
      className="scrolls flex min-w-0 flex-col gap-4 *:shrink-0 border-line bg-canvas p-4 max-lg:border-t lg:w-[min(42%,34rem)] lg:shrink-0 lg:border-l"
    >
      <Choice<View>
        legend="What to look at"
        options={[
          { value: 'try', label: 'Try a request' },
          { value: 'cases', label: 'Cases' },
          { value: 'changes', label: edits.length === 0 ? 'Changes' : `Changes ${edits.length}` },
        ]}
        value={view}
        onChoose={(next) => setView(next ?? 'try')}
      />
      <Shown view={view} {...props} />
    </aside>
  );
}

function Shown({ view, ...props }: Props & { view: View }): ReactNode {
  switch (view) {
    case 'try':
      return <Try {...props} />;
    case 'cases':
      return <Cases {...props} />;
    case 'changes':
      return <Changed {...props} />;
  }
}

function Changed({ stored, shown, edits, onDrop }: Props) {
  if (edits.length === 0) return <p className="text-soft">Nothing is changed. What you type is compared here.</p>;
  return (
    <>
      <Means files={shown} />
      {edits.map(({ name, text }) => (
        <figure key={name} className="flex flex-col gap-1">
          <figcaption className="flex items-center justify-between gap-2">
            <Text value={name} className="font-mono text-small" />
            <Button kind="quiet" onClick={() => onDrop(name)}>
              Undo
            </Button>
          </figcaption>
          <Diff before={stored.get(name) ?? null} after={text} />
        </figure>
      ))}
    </>
  );
}
