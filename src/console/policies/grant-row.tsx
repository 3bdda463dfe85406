import { Link } from '@tanstack/react-router';
import { useState } from 'react';
import type { Grant } from '../../api/contract/index.ts';
import { ask } from '../data/client.ts';
import { listOf, shellWord } from '../data/format.ts';
import { useNames } from '../data/names.ts';
import { useAction } from '../data/use-action.ts';
import { verbOf } from '../data/verbs.ts';
import { Button } from '../parts/button.tsx';
import { Cedar } from '../parts/cedar.tsx';
import { Command } from '../parts/copy.tsx';
import { Actions, Dialog } from '../parts/dialog.tsx';
import { Field } from '../parts/field.tsx';
import { Left } from '../parts/left.tsx';
import { Mark } from '../parts/marks.tsx';
import { Refused } from '../parts/states.tsx';
import { Text } from '../parts/text.tsx';
import { Ago } from '../parts/time.tsx';

/** One grant as a sentence: who may do what until when, and on whose word. */
export function GrantRow({ grant, ahead, agentShown = true }: { grant: Grant; ahead: number; agentShown?: boolean }) {
  const [ending, setEnding] = useState(false);
  const nameOf = useNames();
  const { agent, reason, given_by, given_at, open, ended_at, ended_by, end_reason, expires_at } = grant;
  return (
    <li className="grid gap-x-4 gap-y-1 px-4 py-2.5 @2xl:grid-cols-[8rem_minmax(0,1fr)_auto]">
      <span>
        {open ? (
          <span className="font-medium text-hold">
            <Mark tone="hold" word="" className="mr-1" />
            <Left until={expires_at} ahead={ahead} />
          </span>
        ) : (
          <span className="text-faint">ended {ended_at !== null && <Ago time={ended_at} />}</span>
        )}
      </span>
      <div className="min-w-0">
        <p>
          {agentShown && (
            <>
              <Link to="/agents" search={{ agent }} className="font-medium hover:underline">
                <Text value={agent} />
              </Link>{' '}
              may{' '}
            </>
          )}
          {!agentShown && 'May '}
          <What grant={grant} />
        </p>
        <p className="text-small text-soft">
          <Text value={reason} />
          <span className="text-faint">
            , says <Text value={nameOf(given_by)} />, <Ago time={given_at} />
            {ended_by !== null && end_reason !== null && (
              <>
                . Ended by <Text value={nameOf(ended_by)} />: <Text value={end_reason} />
              </>
            )}
          </span>
        </p>
      </div>
      {open && (
        <Button onClick={() => setEnding(true)} className="self-start justify-self-start">
          End…
        </Button>
      )}
      {ending && <EndGrant grant={grant} onClose={() => setEnding(false)} />}
    </li>
  );
}

function What({ grant: { actions, resource, when } }: { grant: Grant }) {
  return (
    <>
      <Text value={listOf(actions.map(verbOf))} /> <Text value={resource.id} className="font-mono text-small" />
      {when !== null && (
        <>
          {' '}
          where{' '}
          <span className="font-mono text-small">
            <Cedar value={when} />
          </span>
        </>
      )}
    </>
  );
}

const REASON_LENGTH_MAX = 500;

function EndGrant({ grant, onClose }: { grant: Grant; onClose: () => void }) {
  const [reason, setReason] = useState('');
  const end = useAction(async () => {
    await ask('grants.end', { params: { grant: grant.id }, body: { reason } });
    onClose();
  });
  return (
    <Dialog title="End this grant" onClose={onClose} onSubmit={() => reason !== '' && end.run(undefined)}>
      <p>
        <Text value={grant.agent} className="font-medium" /> may not <What grant={grant} /> from now on, and what it
        does so at this moment is cut.
      </p>
      <Field
        label="Why"
        required
        maxLength={REASON_LENGTH_MAX}
        placeholder="It stands in the log, beside your name"
        value={reason}
        onChange={(event) => setReason(event.target.value)}
      />
      <Refused error={end.error} />
      <Command line={`sallyport grant end ${grant.id} --reason ${shellWord(reason || '…')}`} />
      <Actions>
        <Button onClick={onClose}>Cancel</Button>
        <Button kind="stop" type="submit" busy={end.busy} disabled={reason === ''}>
          End it now
        </Button>
      </Actions>
    </Dialog>
  );
}
