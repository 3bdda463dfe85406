import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useState } from 'react';
import type { Input, Output } from '../../api/contract/index.ts';
import { ask } from '../data/client.ts';
import { number, plural, shellWord } from '../data/format.ts';
import { useNames } from '../data/names.ts';
import { shadowDifferencesQuery, shadowQuery } from '../data/policy-queries.ts';
import { useAction } from '../data/use-action.ts';
import { Button } from '../parts/button.tsx';
import { Choice } from '../parts/choice.tsx';
import { Command } from '../parts/copy.tsx';
import { Actions, Dialog } from '../parts/dialog.tsx';
import { Section } from '../parts/facts.tsx';
import { Field } from '../parts/field.tsx';
import { Left } from '../parts/left.tsx';
import { Mark } from '../parts/marks.tsx';
import { Refused, Skeleton } from '../parts/states.tsx';
import { Text } from '../parts/text.tsx';
import { Ago } from '../parts/time.tsx';
import { DifferenceGroupView } from './difference-group.tsx';

type Running = NonNullable<Output<'policy.shadow'>['shadow']>;

/** The set that runs beside the one that decides, or the last that did: asked of every request, never enforced. */
export function ShadowSection() {
  const shadow = useQuery(shadowQuery).data?.shadow;
  const clear = useAction(() => ask('policy.shadow.clear', {}));
  const nameOf = useNames();
  if (shadow === undefined || shadow === null) return null;
  const { set, since, until, by, why, running } = shadow;
  return (
    <Section
      title="Beside what decides"
      aside={
        running && (
          <Button onClick={() => clear.run(undefined)} busy={clear.busy}>
            End it
          </Button>
        )
      }
    >
      <div className="flex flex-col gap-4">
        <p className="text-soft">
          {running ? (
            <Mark tone="hold" word="running" className="mr-2" />
          ) : (
            <Mark tone="calm" word="ended" className="mr-2" />
          )}
          Set <span className="font-mono text-small">{set.slice(0, 12)}</span>, by <Text value={nameOf(by)} />,{' '}
          <Ago time={since} />: <Text value={why} />. {running && <Left until={until} />}
        </p>
        <Refused error={clear.error} />
        <Differences shadow={shadow} />
        <Command line={running ? 'sallyport policy shadow differences' : 'sallyport policy shadow'} />
      </div>
    </Section>
  );
}

function Differences({ shadow: { set } }: { shadow: Running }) {
  const found = useQuery(shadowDifferencesQuery(set));
  if (found.isPending) return <Skeleton rows={3} />;
  if (found.isError) return <Refused error={found.error} />;
  const { decisions, newly_denied, newly_permitted, newly_held } = found.data;
  const others = newly_denied.count + newly_permitted.count + newly_held.count;
  return (
    <>
      <p className="flex flex-wrap items-center gap-3 font-medium">
        {decisions === 0
          ? 'Nothing was asked for since it runs.'
          : others === 0
            ? `It would have decided all of ${plural(decisions, 'exchange')} alike.`
            : `It would have decided ${number(others)} of ${plural(decisions, 'exchange')} otherwise.`}
        <Button onClick={() => void found.refetch()} busy={found.isFetching}>
          Count again
        </Button>
      </p>
      <DifferenceGroupView title="Would be denied" group={newly_denied} />
      <DifferenceGroupView title="Would be permitted" group={newly_permitted} />
      <DifferenceGroupView title="Would be held" group={newly_held} />
    </>
  );
}

/** One line where policies are looked at: that there is one, and where it is told. */
export function ShadowLine() {
  const shadow = useQuery(shadowQuery).data?.shadow;
  if (shadow === undefined || shadow === null || !shadow.running) return null;
  return (
    <p className="flex flex-wrap items-center gap-x-3 rounded-large border border-line bg-surface px-4 py-2.5">
      <Mark tone="hold" word="beside" />
      <span>
        Set <span className="font-mono text-small">{shadow.set.slice(0, 12)}</span> is asked of every request and
        enforced for none, <Left until={shadow.until} />.
      </span>
      <Link to="/policies/simulate" className="text-accent hover:underline">
        What it would have decided
      </Link>
    </p>
  );
}

export type Subject = Input<'policy.shadow.set'>['body']['subject'];

const SPANS = [
  { value: '1', label: '1 day' },
  { value: '7', label: '7 days' },
  { value: '30', label: '30 days' },
] as const;
const DAY_SECONDS = 86_400;
const REASON_LENGTH_MAX = 500;

/** Has a set asked of everything from now on, beside the one that decides. */
export function ShadowDialog({ subject, onClose }: { subject: Subject; onClose: () => void }) {
  const [days, setDays] = useState<string>('7');
  const [reason, setReason] = useState('');
  const begin = useAction(async () => {
    await ask('policy.shadow.set', { body: { subject, seconds: Number(days) * DAY_SECONDS, reason } });
    onClose();
  });
  const what = subject.of === 'set' ? subject.set.slice(0, 12) : 'policies';
  return (
    <Dialog title="Run it beside what decides" onClose={onClose} onSubmit={() => reason !== '' && begin.run(undefined)}>
      <p>
        From now on every request is asked of it too. What it would have decided otherwise is counted; nothing of it is
        enforced.
      </p>
      <div className="flex items-center gap-3">
        <span className="font-medium">For</span>
        <Choice legend="For how long" options={SPANS} value={days} onChoose={(next) => setDays(next ?? '7')} />
      </div>
      <Field
        label="Why"
        required
        maxLength={REASON_LENGTH_MAX}
        placeholder="It stands in the log, beside your name"
        value={reason}
        onChange={(event) => setReason(event.target.value)}
      />
      <Refused error={begin.error} />
      <Command line={`sallyport policy shadow set ${what} --for ${days}d --reason ${shellWord(reason || '…')}`} />
      <Actions>
        <Button onClick={onClose}>Cancel</Button>
        <Button kind="primary" type="submit" busy={begin.busy} disabled={reason === ''}>
          Run it beside
        </Button>
      </Actions>
    </Dialog>
  );
}
