import { useState } from 'react';
import { ask } from '../data/client.ts';
import { shellWord } from '../data/format.ts';
import { spanWord } from '../data/spans.ts';
import { useAction } from '../data/use-action.ts';
import { Button } from '../parts/button.tsx';
import { Choice } from '../parts/choice.tsx';
import { Command } from '../parts/copy.tsx';
import { Actions, Dialog } from '../parts/dialog.tsx';
import { Field } from '../parts/field.tsx';
import { Refused } from '../parts/states.tsx';

const SPANS = [
  { value: '60', label: '1 h' },
  { value: '480', label: '8 h' },
  { value: '1440', label: '24 h' },
] as const;
const REASON_LENGTH_MAX = 500;

/** Lets through for a while what policy would refuse, to learn what agents need. */
export function ObserveDialog({ onClose }: { onClose: () => void }) {
  const [minutes, setMinutes] = useState<string>('60');
  const [reason, setReason] = useState('');
  const observe = useAction(async () => {
    await ask('mode.observe', { body: { minutes: Number(minutes), reason } });
    onClose();
  });
  return (
    <Dialog title="Observe for a while" onClose={onClose} onSubmit={() => reason !== '' && observe.run(undefined)}>
      <p>
        What policy would refuse is <strong>let through</strong>, and recorded as refused, so that suggestions can learn
        from it. Identity, stops, pins, the vault, egress and recording hold as ever. It ends by itself.
      </p>
      <div className="flex items-center gap-3">
        <span className="font-medium">For</span>
        <Choice legend="For how long" options={SPANS} value={minutes} onChoose={(next) => setMinutes(next ?? '60')} />
      </div>
      <Field
        label="Why"
        required
        maxLength={REASON_LENGTH_MAX}
        placeholder="It stands in the log, beside your name"
        value={reason}
        onChange={(event) => setReason(event.target.value)}
      />
      <Refused error={observe.error} />
      <Command
        line={`sallyport mode observe --for ${spanWord(Number(minutes) * 60)} --reason ${shellWord(reason || '…')}`}
      />
      <Actions>
        <Button onClick={onClose}>Cancel</Button>
        <Button kind="primary" type="submit" busy={observe.busy} disabled={reason === ''}>
          Observe
        </Button>
      </Actions>
    </Dialog>
  );
}

/** Back to refusing; nobody has to be asked for that. */
export function EnforceAgain() {
  const enforce = useAction(() => ask('mode.enforce', { body: {} }));
  return (
    <>
      <Button kind="primary" onClick={() => enforce.run(undefined)} busy={enforce.busy}>
        Enforce again
      </Button>
      <Refused error={enforce.error} />
    </>
  );
}
