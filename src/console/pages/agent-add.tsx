import { useState } from 'react';
import type { Output } from '../../api/contract/index.ts';
import { ask } from '../data/client.ts';
import { useAction } from '../data/use-action.ts';
import { Button } from '../parts/button.tsx';
import { Block, Command } from '../parts/copy.tsx';
import { Actions, Dialog } from '../parts/dialog.tsx';
import { Field } from '../parts/field.tsx';
import { Refused } from '../parts/states.tsx';

type Added = Output<'agents.add'>;

export function AddAgent({ onClose, onAdded }: { onClose: () => void; onAdded: (id: string) => void }) {
  const [id, setId] = useState('');
  const [owner, setOwner] = useState('');
  const [words, setWords] = useState('');
  const [added, setAdded] = useState<Added | undefined>();
  const jobs = words.split(/[\s,]+/).filter(Boolean);
  const add = useAction(async () => setAdded(await ask('agents.add', { body: { id, owner, jobs } })));
  if (added !== undefined) {
    const kept = () => {
      onClose();
      onAdded(added.agent.id);
    };
    return <PrivateKey added={added} onClose={kept} />;
  }
  const ready = id !== '' && owner !== '' && jobs.length > 0;
  return (
    <Dialog title="Add an agent" onClose={onClose} onSubmit={() => ready && add.run(undefined)}>
      <Field
        label="Name"
        hint="Policies call it Agent::&quot;…&quot;."
        required
        autoFocus
        value={id}
        onChange={(event) => setId(event.target.value)}
      />
      <Field
        label="Owner"
        hint="The person or team that answers for it."
        required
        value={owner}
        onChange={(event) => setOwner(event.target.value)}
      />
      <Field
        label="Jobs"
        hint="Kinds of work that it may do, with spaces between. Each of its tokens is for one."
        required
        value={words}
        onChange={(event) => setWords(event.target.value)}
      />
      <Refused error={add.error} />
      <Command
        line={`sallyport agent add ${id || '…'} --owner ${owner || '…'}${jobs.map((job) => ` --job ${job}`).join('')}`}
      />
      <Actions>
        <Button onClick={onClose}>Cancel</Button>
        <Button kind="primary" type="submit" busy={add.busy} disabled={!ready}>
          Add
        </Button>
      </Actions>
    </Dialog>
  );
}

function PrivateKey({ added, onClose }: { added: Added; onClose: () => void }) {
  return (
    <Dialog title={`${added.agent.id} is registered`} onClose={onClose} wide>
      {added.private_key === null ? (
        <p>It proves itself with the key that it has.</p>
      ) : (
        <>
          <p>This is its private key. The gateway does not keep it: once this is closed, nobody can show it again.</p>
          <Block value={JSON.stringify(added.private_key, undefined, 2)} what="private key" />
        </>
      )}
      <Actions>
        <Button kind="primary" onClick={onClose}>
          I have kept it
        </Button>
      </Actions>
    </Dialog>
  );
}
