import { useState } from 'react';
import type { PolicyCanary, PolicyVersion } from '../../api/contract/index.ts';
import { ask } from '../data/client.ts';
import { shellWord } from '../data/format.ts';
import { useAction } from '../data/use-action.ts';
import { Button } from '../parts/button.tsx';
import { Command } from '../parts/copy.tsx';
import { Actions, Dialog } from '../parts/dialog.tsx';
import { Field } from '../parts/field.tsx';
import { Refused } from '../parts/states.tsx';

export type Step = 'activate' | 'canary' | 'drop' | 'rollback';

const REASON_LENGTH_MAX = 500;
const SHARE_AT_FIRST = 10;

const SAYS: Record<Step, { title: string; what: string; verb: string }> = {
  activate: {
    title: 'Activate this version',
    what: 'It is in force on every replica within a second, for every agent.',
    verb: 'Activate',
  },
  canary: {
    title: 'Let it decide for some agents',
    what: 'These agents are decided by this version, the others by the one in force. Which agents they are stays the same as the share grows.',
    verb: 'Start',
  },
  drop: { title: 'Drop the canary', what: 'The version in force decides for every agent again.', verb: 'Drop' },
  rollback: {
    title: 'Go back to the version before',
    what: 'The version that was in force before this one is in force again, on every replica within a second.',
    verb: 'Go back',
  },
};

type Props = { step: Step; version: PolicyVersion; canary: PolicyCanary | null; onClose: () => void };

/** One step in the life of a version: what it means, why it is taken, and that a person is here who takes it. */
export function TakeStep({ step, version: { set }, canary, onClose }: Props) {
  const [reason, setReason] = useState('');
  const [share, setShare] = useState(String(canary?.share_percent ?? SHARE_AT_FIRST));
  const share_percent = step === 'drop' ? 0 : Number(share);
  const take = useAction(async () => {
    if (step === 'activate') await ask('policy.activate', { body: { set, reason } });
    else if (step === 'rollback') await ask('policy.rollback', { body: { reason } });
    else await ask('policy.canary', { body: { set, share_percent, reason } });
    onClose();
  });
  const { title, what, verb } = SAYS[step];
  const ready = reason !== '' && share_percent >= 0 && share_percent <= 100;
  return (
    <Dialog title={title} onClose={onClose} onSubmit={() => ready && take.run(undefined)}>
      <p>{what}</p>
      {step === 'canary' && (
        <Field
          label="Share of the agents, percent"
          type="number"
          min={0}
          max={100}
          step="any"
          required
          value={share}
          onChange={(event) => setShare(event.target.value)}
        />
      )}
      <Field
        label="Why"
        required
        maxLength={REASON_LENGTH_MAX}
        placeholder="It stands in the log, beside your name"
        value={reason}
        onChange={(event) => setReason(event.target.value)}
      />
      <Refused error={take.error} />
      <Command line={commandOf(step, set, share_percent, reason)} />
      <Actions>
        <Button onClick={onClose}>Cancel</Button>
        <Button kind="primary" type="submit" busy={take.busy} disabled={!ready}>
          {verb}
        </Button>
      </Actions>
    </Dialog>
  );
}

function commandOf(step: Step, set: string, share_percent: number, reason: string): string {
  const why = `--reason ${shellWord(reason || '…')}`;
  const short = set.slice(0, 12);
  if (step === 'activate') return `sallyport policy activate ${short} ${why}`;
  if (step === 'rollback') return `sallyport policy rollback ${why}`;
  if (step === 'drop') return `sallyport policy canary --drop ${why}`;
  return `sallyport policy canary ${short} --share ${share_percent}% ${why}`;
}
