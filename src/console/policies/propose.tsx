import { useNavigate } from '@tanstack/react-router';
import { useState } from 'react';
import type { Output } from '../../api/contract/index.ts';
import { ask } from '../data/client.ts';
import { plural, shellWord } from '../data/format.ts';
import { dropDraft, type Edit } from '../data/policy-draft.ts';
import { useAction } from '../data/use-action.ts';
import { Button } from '../parts/button.tsx';
import { Block, Command } from '../parts/copy.tsx';
import { Actions, Dialog } from '../parts/dialog.tsx';
import { Field } from '../parts/field.tsx';
import { Mark } from '../parts/marks.tsx';
import { Refused } from '../parts/states.tsx';
import { Text } from '../parts/text.tsx';
import { Results } from './bench-cases.tsx';

const REASON_LENGTH_MAX = 500;

type Props = {
  base: string;
  edits: readonly Edit[];
  source: 'folder' | 'console';
  onClose: () => void;
  onProposed?: () => void;
};

/** Changes nothing yet: a set is proposed, its cases are run, and somebody who is here activates it. */
export function Propose({ base, edits, source, onClose, onProposed }: Props) {
  const [reason, setReason] = useState('');
  const [answer, setAnswer] = useState<Output<'policy.propose'> | undefined>();
  const propose = useAction(async (write_folder: boolean) => {
    const given = await ask('policy.propose', { body: { base, edits: [...edits], reason, write_folder } });
    setAnswer(given);
    if (given.kind !== 'patch') {
      dropDraft();
      onProposed?.();
    }
  });
  if (answer !== undefined) {
    return (
      <Proposed
        answer={answer}
        reason={reason}
        onWrite={() => propose.run(true)}
        busy={propose.busy}
        error={propose.error}
        onClose={onClose}
      />
    );
  }
  return (
    <Dialog title="Propose this change" onClose={onClose} onSubmit={() => reason !== '' && propose.run(false)}>
      <p className="text-soft">
        {plural(edits.length, 'file')} changed. Nothing is in force before somebody activates it
        {source === 'folder' && '; policies are written in the folder here, so you get the change as a patch'}.
      </p>
      <Field
        label="Why"
        required
        autoFocus
        maxLength={REASON_LENGTH_MAX}
        placeholder="It stands beside the version, and in the log"
        value={reason}
        onChange={(event) => setReason(event.target.value)}
      />
      <Refused error={propose.error} />
      <Command line={`sallyport policy propose policies/ --reason ${shellWord(reason || '…')}`} />
      <Actions>
        <Button onClick={onClose}>Cancel</Button>
        <Button kind="primary" type="submit" busy={propose.busy} disabled={reason === ''}>
          Propose
        </Button>
      </Actions>
    </Dialog>
  );
}

type ProposedProps = {
  answer: Output<'policy.propose'>;
  reason: string;
  busy: boolean;
  error: unknown;
  onWrite: () => void;
  onClose: () => void;
};

/** What became of it, and the next step. */
function Proposed({ answer, ...props }: ProposedProps) {
  switch (answer.kind) {
    case 'active':
      return (
        <Dialog title="It is in force" onClose={props.onClose} onSubmit={props.onClose}>
          <Mark tone="permit" word="It takes away only, so nobody had to activate it." />
          <Actions>
            <Button kind="primary" type="submit">
              Close
            </Button>
          </Actions>
        </Dialog>
      );
    case 'patch':
      return <Patch answer={answer} {...props} />;
    case 'proposed':
      return <Waits answer={answer} {...props} />;
  }
}

function Patch({
  answer: { patch, folder, next, tests },
  onWrite,
  busy,
  error,
  onClose,
}: Omit<ProposedProps, 'answer'> & { answer: Extract<Output<'policy.propose'>, { kind: 'patch' }> }) {
  return (
    <Dialog title="Policies are written in the folder" wide onClose={onClose} onSubmit={onWrite}>
      <p>
        <Text value={next} />
      </p>
      <Block value={patch} what="patch" />
      {tests.results.length > 0 && <Results run={tests} />}
      <Refused error={error} />
      <Actions>
        <Button onClick={onClose}>Close</Button>
        <Button kind="primary" type="submit" busy={busy}>
          Write it into <Text value={folder} />
        </Button>
      </Actions>
    </Dialog>
  );
}

function Waits({
  answer: { version, tests },
  reason,
  onClose,
}: Omit<ProposedProps, 'answer'> & { answer: Extract<Output<'policy.propose'>, { kind: 'proposed' }> }) {
  const navigate = useNavigate();
  const activate = useAction(async () => {
    await ask('policy.activate', { body: { set: version.set, reason } });
    onClose();
    await navigate({ to: '/policies', search: {} });
  });
  return (
    <Dialog
      title={`Version ${version.number} is proposed`}
      wide
      onClose={onClose}
      onSubmit={() => tests.passed && activate.run(undefined)}
    >
      <p>
        {tests.passed
          ? 'It waits to be activated, by you or by somebody else. For that you have to be here, not only your browser.'
          : 'It cannot be activated: its cases fail.'}
      </p>
      {tests.results.length > 0 && <Results run={tests} />}
      <Refused error={activate.error} />
      <Command line={`sallyport policy activate ${version.set.slice(0, 12)} --reason ${shellWord(reason)}`} />
      <Actions>
        <Button onClick={onClose}>Leave it waiting</Button>
        <Button kind="primary" type="submit" busy={activate.busy} disabled={!tests.passed}>
          Activate…
        </Button>
      </Actions>
    </Dialog>
  );
}
