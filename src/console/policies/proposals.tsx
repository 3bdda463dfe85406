import { useState } from 'react';
import type { Output, Proposal } from '../../api/contract/index.ts';
import { ask } from '../data/client.ts';
import { shellWord } from '../data/format.ts';
import { useAction } from '../data/use-action.ts';
import { Button } from '../parts/button.tsx';
import { Command, Id } from '../parts/copy.tsx';
import { Actions, Dialog } from '../parts/dialog.tsx';
import { Section } from '../parts/facts.tsx';
import { Field } from '../parts/field.tsx';
import { Mark } from '../parts/marks.tsx';
import { Refused } from '../parts/states.tsx';
import { Ago } from '../parts/time.tsx';
import { Changes } from './changes.tsx';

/** Edits that may widen what is permitted: each waits until a person who is here takes it on. */
export function Proposals({ policy }: { policy: Output<'policy'> }) {
  const [activating, setActivating] = useState<Proposal | undefined>();
  if (policy.proposals.length === 0) return null;
  return (
    <Section title={`Sets that wait for a person (${policy.proposals.length})`}>
      <ul className="flex flex-col gap-3">
        {policy.proposals.map((proposal) => (
          <li key={proposal.set} className="flex flex-col gap-3 rounded-large border border-hold/40 bg-hold-soft p-4">
            <div className="flex flex-wrap items-center justify-between gap-3">
              <span className="flex items-center gap-3">
                <Mark tone="hold" word="waits" />
                <Id value={proposal.set} short={proposal.set.slice(0, 12)} />
                <span className="text-soft">
                  <Ago time={proposal.proposed_at} />
                </span>
              </span>
              <Button kind="primary" onClick={() => setActivating(proposal)}>
                Activate…
              </Button>
            </div>
            <Changes {...proposal} />
          </li>
        ))}
      </ul>
      {activating !== undefined && <Activate proposal={activating} onClose={() => setActivating(undefined)} />}
    </Section>
  );
}

function Activate({ proposal, onClose }: { proposal: Proposal; onClose: () => void }) {
  const [reason, setReason] = useState('');
  const activate = useAction(async () => {
    await ask('policy.activate', { body: { set: proposal.set, reason } });
    onClose();
  });
  return (
    <Dialog
      title="Activate this policy set"
      wide
      onClose={onClose}
      onSubmit={() => reason !== '' && activate.run(undefined)}
    >
      <Changes {...proposal} />
      <Field
        label="Why"
        required
        maxLength={500}
        placeholder="It stands in the log, beside your name"
        value={reason}
        onChange={(event) => setReason(event.target.value)}
      />
      <p className="text-soft">
        It is in force on every replica within a second. It needs a code from your authenticator.
      </p>
      <Refused error={activate.error} />
      <Command line={`sallyport policy activate ${proposal.set.slice(0, 12)} --reason ${shellWord(reason || '…')}`} />
      <Actions>
        <Button onClick={onClose}>Cancel</Button>
        <Button kind="primary" type="submit" busy={activate.busy} disabled={reason === ''}>
          Activate
        </Button>
      </Actions>
    </Dialog>
  );
}
