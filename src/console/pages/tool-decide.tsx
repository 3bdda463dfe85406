import { useQueries } from '@tanstack/react-query';
import { useState } from 'react';
import { partWord, type ToolDetail, type ToolPart } from '../../api/contract/index.ts';
import { ask } from '../data/client.ts';
import { plural, shellWord } from '../data/format.ts';
import { toolQuery } from '../data/queries.ts';
import { versionOf } from '../data/tools.ts';
import { useAction } from '../data/use-action.ts';
import { Button } from '../parts/button.tsx';
import { Command } from '../parts/copy.tsx';
import { Actions, Dialog } from '../parts/dialog.tsx';
import { Field } from '../parts/field.tsx';
import { PinMark } from '../parts/marks.tsx';
import { Failed, Refused, Skeleton } from '../parts/states.tsx';
import { Text } from '../parts/text.tsx';
import { Review } from './tool-review.tsx';

export type Verdict = 'approve' | 'reject';

const REASON_LENGTH_MAX = 500;
const VERBS = { approve: 'Approve', reject: 'Reject' } as const;
const MEANS = {
  approve: 'What is shown here is pinned, by its digest; if the server offers something else by now, nothing is.',
  reject: 'It stays stopped, and nobody is asked again until the server offers something else.',
} as const;

/** All of a server that waits, one below the other: what is decided is what was shown. */
export function DecideAll({
  server,
  parts,
  onClose,
}: {
  server: string;
  parts: readonly ToolPart[];
  onClose: () => void;
}) {
  // As they were when it was opened: what comes later is not decided with them.
  const [asked] = useState(parts);
  const answers = useQueries({ queries: asked.map((part) => toolQuery(part, versionOf(part))) });
  const details = answers.flatMap(({ data }) => (data === undefined ? [] : [data]));
  const failed = answers.find(({ isError }) => isError);
  if (details.length === asked.length) {
    return (
      <Decide server={server} word={server} details={details} verdicts={['reject', 'approve']} onClose={onClose} />
    );
  }
  return (
    <Dialog title="What waits" wide onClose={onClose}>
      {failed === undefined ? <Skeleton rows={6} /> : <Failed error={failed.error} />}
    </Dialog>
  );
}

type Props = {
  server: string;
  /** What the command line calls it: a part, or the server. */
  word: string;
  details: readonly ToolDetail[];
  verdicts: readonly Verdict[];
  onClose: () => void;
};

export function Decide({ server, word, details, verdicts, onClose }: Props) {
  const [reason, setReason] = useState('');
  const [last = 'approve'] = verdicts.slice(-1);
  const decide = useAction(async (verdict: Verdict) => {
    const parts = details
      .filter(({ refused }) => verdict === 'reject' || refused === null)
      .map(({ kind, name, offered }) => ({ kind, name, digest: offered?.digest ?? null }));
    await ask(`tools.${verdict}`, { body: { server, parts, reason } });
    onClose();
  });
  const approvable = details.some(({ refused }) => refused === null);
  const can = (verdict: Verdict) => reason !== '' && (verdict === 'reject' || approvable);
  return (
    <Dialog
      title={verdicts.length === 1 ? `${VERBS[last]} this` : `What waits (${details.length})`}
      wide
      onClose={onClose}
      onSubmit={() => can(last) && decide.run(last)}
    >
      <ul className="flex flex-col gap-6">
        {details.map((detail) => (
          <Decided key={partWord(detail)} detail={detail} />
        ))}
      </ul>
      <Field
        label="Why"
        required
        maxLength={REASON_LENGTH_MAX}
        placeholder="It stands in the log, beside your name"
        value={reason}
        onChange={(event) => setReason(event.target.value)}
      />
      <p className="text-soft">
        {verdicts
          .map((verdict) => (verdicts.length === 1 ? MEANS[verdict] : `${VERBS[verdict]}: ${MEANS[verdict]}`))
          .join(' ')}{' '}
        It needs a code from your authenticator.
      </p>
      <Refused error={decide.error} />
      {last === 'approve' ? (
        <Command line={`sallyport tool approve ${shellWord(word)} --reason ${shellWord(reason || '…')}`} />
      ) : (
        <Command line={`sallyport tool reject ${shellWord(word)} --reason ${shellWord(reason || '…')}`} />
      )}
      <Actions>
        <Button onClick={onClose}>Cancel</Button>
        {verdicts.map((verdict) => (
          <Button
            key={verdict}
            kind={verdict === 'approve' ? 'primary' : verdicts.length === 1 ? 'stop' : 'plain'}
            type={verdict === last ? 'submit' : 'button'}
            onClick={verdict === last ? undefined : () => decide.run(verdict)}
            busy={decide.busy}
            disabled={!can(verdict)}
          >
            {details.length === 1 ? VERBS[verdict] : `${VERBS[verdict]} ${plural(details.length, 'part')}`}
          </Button>
        ))}
      </Actions>
    </Dialog>
  );
}

function Decided({ detail }: { detail: ToolDetail }) {
  return (
    <li className="flex flex-col gap-2">
      <div className="flex flex-wrap items-center justify-between gap-x-4 gap-y-1 border-line border-b pb-1">
        <Text value={partWord(detail)} letters className="min-w-0 break-all font-medium font-mono text-small" />
        <PinMark state={detail.state} looked={detail.pinned?.basis === 'approved'} />
      </div>
      <Review detail={detail} />
    </li>
  );
}

export function Unpin({ part, onClose }: { part: ToolPart; onClose: () => void }) {
  const [reason, setReason] = useState('');
  const { server, kind, name } = part;
  const unpin = useAction(async () => {
    await ask('tools.unpin', { body: { server, parts: [{ kind, name }], reason } });
    onClose();
  });
  return (
    <Dialog title="Unpin this" onClose={onClose} onSubmit={() => reason !== '' && unpin.run(undefined)}>
      <p>
        <Text value={partWord(part)} letters className="font-mono text-small" /> cannot be used until it is approved
        anew. What is in flight on it is cut.
      </p>
      <Field
        label="Why"
        required
        maxLength={REASON_LENGTH_MAX}
        placeholder="It stands in the log, beside your name"
        value={reason}
        onChange={(event) => setReason(event.target.value)}
      />
      <Refused error={unpin.error} />
      <Command line={`sallyport tool unpin ${shellWord(partWord(part))} --reason ${shellWord(reason || '…')}`} />
      <Actions>
        <Button onClick={onClose}>Cancel</Button>
        <Button kind="stop" type="submit" busy={unpin.busy} disabled={reason === ''}>
          Unpin
        </Button>
      </Actions>
    </Dialog>
  );
}
