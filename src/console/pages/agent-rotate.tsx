import { useState } from 'react';
import type { Agent, Input, Output } from '../../api/contract/index.ts';
import { ask } from '../data/client.ts';
import { useAction } from '../data/use-action.ts';
import { Button } from '../parts/button.tsx';
import { Block, Command } from '../parts/copy.tsx';
import { Actions, Dialog } from '../parts/dialog.tsx';
import { Area } from '../parts/field.tsx';
import { Refused } from '../parts/states.tsx';

type Rotated = Output<'agents.rotate'>;
type PublicKey = NonNullable<NonNullable<Input<'agents.rotate'>['body']>['public_key']>;

/** Another key for the same agent. The private half is shown once, where one was made. */
export function RotateKey({ agent, onClose }: { agent: Agent; onClose: () => void }) {
  const [text, setText] = useState('');
  const [rotated, setRotated] = useState<Rotated | undefined>();
  const given = readKey(text);
  const rotate = useAction(async () => {
    const body = given === undefined ? {} : { public_key: given as PublicKey };
    setRotated(await ask('agents.rotate', { params: { agent: agent.id }, body }));
  });
  if (rotated !== undefined) return <NewKey rotated={rotated} onClose={onClose} />;
  return (
    <Dialog
      title={`Rotate the key of ${agent.id}`}
      onClose={onClose}
      onSubmit={() => given !== 'wrong' && rotate.run(undefined)}
    >
      <p>
        The old key is worth nothing from then on, and neither is what was got with it: access tokens, and whatever was
        lent to it or on from it. What is in flight is cut. Its runs stay open, to go on with by the new key, and so do
        its bearer tokens.
      </p>
      <Area
        label="Its new public key"
        hint="A JWK. Leave it empty, and a key is made and shown once."
        value={text}
        onChange={(event) => setText(event.target.value)}
      />
      {given === 'wrong' && (
        <p role="alert" className="text-deny">
          That is not a public key as JSON.
        </p>
      )}
      <Refused error={rotate.error} />
      <Command
        line={`sallyport agent rotate ${agent.id} ${text === '' ? `--out ${agent.id}.jwk` : '--public-key key.pub.jwk'}`}
      />
      <Actions>
        <Button onClick={onClose}>Cancel</Button>
        <Button kind="stop" type="submit" busy={rotate.busy} disabled={given === 'wrong'}>
          Rotate the key
        </Button>
      </Actions>
    </Dialog>
  );
}

/** A private key has no business in a request: it is refused before it leaves the page. */
function readKey(text: string): Record<string, string> | 'wrong' | undefined {
  if (text.trim() === '') return undefined;
  try {
    const key: unknown = JSON.parse(text);
    const isPublic = typeof key === 'object' && key !== null && !Array.isArray(key) && !('d' in key);
    return isPublic ? (key as Record<string, string>) : 'wrong';
  } catch {
    return 'wrong';
  }
}

function NewKey({ rotated, onClose }: { rotated: Rotated; onClose: () => void }) {
  return (
    <Dialog title={`${rotated.agent.id} has another key`} onClose={onClose} wide>
      {rotated.private_key === null ? (
        <p>It proves itself with the key that it has. The old one is worth nothing any more.</p>
      ) : (
        <>
          <p>This is its private key. The gateway does not keep it: once this is closed, nobody can show it again.</p>
          <Block value={JSON.stringify(rotated.private_key, undefined, 2)} what="private key" />
        </>
      )}
      <Actions>
        <Button kind="primary" onClick={onClose}>
          {rotated.private_key === null ? 'Done' : 'I have kept it'}
        </Button>
      </Actions>
    </Dialog>
  );
}
