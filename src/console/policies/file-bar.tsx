import { Plus } from 'lucide-react';
import { type FormEvent, useState } from 'react';
import { Button } from '../parts/button.tsx';
import { classes } from '../parts/classes.ts';
import { Actions, Dialog } from '../parts/dialog.tsx';
import { Field } from '../parts/field.tsx';
import { Mark } from '../parts/marks.tsx';
import { Text } from '../parts/text.tsx';

type Props = {
  files: readonly string[];
  changed: readonly string[];
  wrong: ReadonlySet<string>;
  open: string | undefined;
  onOpen: (name: string) => void;
  onAdd: (name: string) => void;
};

/** The files of the set, with what is changed and what is wrong beside their names. */
export function FileBar({ files, changed, wrong, open, onOpen, onAdd }: Props) {
  const [adding, setAdding] = useState(false);
  return (
    <div className="flex shrink-0 items-center border-line border-b bg-surface">
      <div role="tablist" aria-label="Files" className="scrolls flex min-w-0 gap-0.5 overflow-y-hidden px-2 py-1">
        {files.map((name) => (
          <button
            key={name}
            type="button"
            role="tab"
            aria-selected={name === open}
            onClick={() => onOpen(name)}
            className={classes(
              'flex h-7 items-center gap-1.5 whitespace-nowrap rounded-small px-2 font-mono text-small',
              name === open ? 'bg-selected text-ink' : 'text-soft hover:bg-hover',
            )}
          >
            <Text value={name} className="whitespace-nowrap" />
            {wrong.has(name) && <Mark tone="alert" word="" />}
            {wrong.has(name) && <span className="sr-only">, has errors</span>}
            {changed.includes(name) && (
              <span className="text-accent" title="changed">
                •<span className="sr-only">changed</span>
              </span>
            )}
          </button>
        ))}
      </div>
      <Button kind="quiet" icon aria-label="Add a file" title="Add a file" onClick={() => setAdding(true)}>
        <Plus className="size-4" />
      </Button>
      {adding && <AddFile taken={files} onAdd={onAdd} onClose={() => setAdding(false)} />}
    </div>
  );
}

const NAME = /^[A-Za-z0-9_][A-Za-z0-9._-]*\.(?:cedar|test\.yaml)$/;

function AddFile({
  taken,
  onAdd,
  onClose,
}: {
  taken: readonly string[];
  onAdd: (name: string) => void;
  onClose: () => void;
}) {
  const [name, setName] = useState('');
  const problem = taken.includes(name)
    ? 'There is one of that name.'
    : name !== '' && !NAME.test(name)
      ? 'A name such as support.cedar, or support.test.yaml for cases.'
      : undefined;
  const add = () => {
    if (problem !== undefined || name === '') return;
    onAdd(name);
    onClose();
  };
  return (
    <Dialog title="Add a file" onClose={onClose} onSubmit={add}>
      <Field
        label="Name"
        hint={problem ?? 'Policies end in .cedar, their cases in .test.yaml.'}
        placeholder="support.cedar"
        spellCheck={false}
        autoComplete="off"
        autoFocus
        value={name}
        onChange={(event: FormEvent<HTMLInputElement>) => setName(event.currentTarget.value)}
        className="font-mono"
      />
      <Actions>
        <Button onClick={onClose}>Cancel</Button>
        <Button kind="primary" type="submit" disabled={problem !== undefined || name === ''}>
          Add
        </Button>
      </Actions>
    </Dialog>
  );
}
