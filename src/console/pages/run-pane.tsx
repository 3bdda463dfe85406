import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { ArrowDown, OctagonX } from 'lucide-react';
import { useState } from 'react';
import type { Delegation, Run } from '../../api/contract/index.ts';
import { ask } from '../data/client.ts';
import { runQuery, useNames } from '../data/identity-queries.ts';
import { stateOf } from '../data/runs.ts';
import { useAction } from '../data/use-action.ts';
import { useNow } from '../data/use-now.ts';
import { Button, ButtonLook } from '../parts/button.tsx';
import { Command, Id } from '../parts/copy.tsx';
import { Actions, Dialog } from '../parts/dialog.tsx';
import { Fact, Facts, Section } from '../parts/facts.tsx';
import { Pane } from '../parts/pane.tsx';
import { Refused } from '../parts/states.tsx';
import { Text } from '../parts/text.tsx';
import { Ago } from '../parts/time.tsx';
import { useStop } from '../shell/stop-context.ts';
import { RunState } from './run-state.tsx';

/** One run: what it is for, whose word it stands on, and how to end it. */
export function RunPane({ run, onClose }: { run: Run; onClose: () => void }) {
  const stop = useStop();
  const nameOf = useNames();
  const [ending, setEnding] = useState(false);
  const isOpen = stateOf(run, useNow()) === 'open';
  const title = (
    <>
      <h2 className="font-semibold text-title">
        <Text value={`${run.agent}, ${run.job}`} />
      </h2>
      <Sentence run={run} nameOf={nameOf} />
    </>
  );
  return (
    <Pane label={run.id} title={title} onClose={onClose}>
      <div className="flex flex-wrap gap-2">
        <Link to="/live" search={{ run: run.id }} className={ButtonLook}>
          What it does
        </Link>
        {isOpen && <Button onClick={() => setEnding(true)}>End…</Button>}
        {isOpen && (
          <Button kind="stop" onClick={() => stop({ kind: 'run', id: run.id })}>
            <OctagonX className="size-4" aria-hidden="true" /> Stop…
          </Button>
        )}
      </div>
      <Section title="Facts">
        <Facts>
          <Fact name="Run">
            <Id value={run.id} />
          </Fact>
          <Fact name="Agent">
            <Link to="/agents" search={{ agent: run.agent }} className="text-accent hover:underline">
              <Text value={run.agent} />
            </Link>
          </Fact>
          <Fact name="Opened">
            <Ago time={run.opened_at} /> by <Text value={nameOf(run.opened_by)} />
          </Fact>
          <Fact name="State">
            <RunState run={run} />
          </Fact>
        </Facts>
      </Section>
      <Chain run={run} nameOf={nameOf} />
      <Credentials run={run} />
      <Command line={`sallyport run show ${run.id}`} />
      {ending && <End run={run} onClose={() => setEnding(false)} />}
    </Pane>
  );
}

function Sentence({ run, nameOf }: { run: Run; nameOf: (by: string) => string }) {
  const { agent, job, purpose, subject, opened_by } = run;
  const itself = opened_by === `agent:${agent}`;
  return (
    <p className="text-soft">
      <Text value={agent} /> does {job}
      {purpose !== null && <> for {purpose}</>},{' '}
      {subject === null ? (
        'in its own name'
      ) : (
        <>
          in the name of <Text value={subject} />
        </>
      )}
      . It was opened <Ago time={run.opened_at} /> by {itself ? 'itself' : <Text value={nameOf(opened_by)} />}.
    </p>
  );
}

function Chain({ run, nameOf }: { run: Run; nameOf: (by: string) => string }) {
  const shown = useQuery({ ...runQuery(run.id), enabled: run.delegation !== null });
  if (run.delegation === null) {
    return (
      <Section title="Chain">
        <p className="text-soft">
          {run.subject === null
            ? 'It acts by itself: nobody lent it anything.'
            : 'Its registration, or the person’s own consent, lets it act in this name. Nobody lent it anything.'}
        </p>
      </Section>
    );
  }
  const hops = shown.data?.chain ?? [];
  const first = hops[0];
  return (
    <Section title="Chain">
      <ol className="flex flex-col">
        {first !== undefined && <From name={first.lender ?? run.subject ?? nameOf(first.subject ?? '')} />}
        {hops.map((hop) => (
          <Hop key={hop.id} hop={hop} />
        ))}
      </ol>
      {shown.isSuccess && hops.at(-1)?.id !== run.delegation && (
        <p className="text-soft">What it stands on has expired and was forgotten: the run cannot go on.</p>
      )}
      <Refused error={shown.error} />
    </Section>
  );
}

function From({ name }: { name: string }) {
  return (
    <li className="rounded-large border border-line bg-surface px-3 py-2 font-medium">
      <Text value={name} />
    </li>
  );
}

/** What was lent on, and until when. Each hop has at most what the one before it has. */
function Hop({ hop }: { hop: Delegation }) {
  const stop = useStop();
  return (
    <li>
      <ArrowDown className="mx-3 my-1 size-4 text-faint" aria-label="lends to" />
      <div className="flex items-start justify-between gap-3 rounded-large border border-line bg-surface px-3 py-2">
        <span className="flex min-w-0 flex-col gap-0.5">
          <span className="font-medium">
            <Text value={hop.actor} />
          </span>
          <span className="text-soft">
            may <Text value={scopeWords(hop.scope)} />, expires <Ago time={hop.expires_at} />
          </span>
          <Id value={hop.id} className="text-faint" />
        </span>
        <Button onClick={() => stop({ kind: 'delegation', id: hop.id })}>Stop…</Button>
      </div>
    </li>
  );
}

export function scopeWords({ actions, resources, budgets }: Delegation['scope']): string {
  const spent = Object.entries(budgets).map(([what, most]) => `at most ${most} ${what}`);
  const may = actions === null ? 'do all that the lender may' : `do ${actions.join(', ')}`;
  const on = resources === null ? [] : [`on ${resources.join(', ')}`];
  return [may, ...on, ...spent].join(' ');
}

function Credentials({ run }: { run: Run }) {
  const itself = run.opened_by === `agent:${run.agent}`;
  return (
    <Section title="Credentials">
      <p className="text-soft">
        {itself
          ? 'Access tokens of ten minutes at most, each got with the agent’s key or from an issuer that vouches for it.'
          : 'A token that was shown once when the run was opened, or access tokens that the agent takes for this run by itself.'}{' '}
        They are for this run alone, and end with it.
      </p>
    </Section>
  );
}

function End({ run, onClose }: { run: Run; onClose: () => void }) {
  const end = useAction(async () => {
    await ask('runs.end', { params: { run: run.id } });
    onClose();
  });
  return (
    <Dialog title="End this run" onClose={onClose} onSubmit={() => end.run(undefined)}>
      <p>
        What it has in flight is cut, its tokens are worth nothing any more, and whatever was lent from it ends too. The
        agent may open another one.
      </p>
      <Refused error={end.error} />
      <Command line={`sallyport run end ${run.id}`} />
      <Actions>
        <Button onClick={onClose}>Cancel</Button>
        <Button kind="stop" type="submit" busy={end.busy}>
          End the run
        </Button>
      </Actions>
    </Dialog>
  );
}
