import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { OctagonX } from 'lucide-react';
import { useState } from 'react';
import type { Agent, ClientGrant } from '../../api/contract/index.ts';
import { ask } from '../data/client.ts';
import { listOf } from '../data/format.ts';
import { clientGrantsQuery, useNames } from '../data/identity-queries.ts';
import { runsQuery, stopsQuery } from '../data/queries.ts';
import { useAction } from '../data/use-action.ts';
import { Button, ButtonLook } from '../parts/button.tsx';
import { Command } from '../parts/copy.tsx';
import { Actions, Dialog } from '../parts/dialog.tsx';
import { Section } from '../parts/facts.tsx';
import { Mark } from '../parts/marks.tsx';
import { Pane, Row, Rows } from '../parts/pane.tsx';
import { Refused } from '../parts/states.tsx';
import { Text } from '../parts/text.tsx';
import { Ago } from '../parts/time.tsx';
import { useStop } from '../shell/stop-context.ts';
import { Activity } from './agent-activity.tsx';
import { Credentials } from './agent-credentials.tsx';
import { Grants } from './agent-grants.tsx';
import { RotateKey } from './agent-rotate.tsx';
import { MaySee } from './agent-tools.tsx';
import { RunState } from './run-state.tsx';

/** One agent: who answers for it, what it may do, what it did, how it proves itself, and how to end that. */
export function AgentPane({ agent, onClose }: { agent: Agent; onClose: () => void }) {
  const stop = useStop();
  const [open, setOpen] = useState<'rotation' | 'removal' | undefined>();
  const close = () => setOpen(undefined);
  const grants = useQuery(clientGrantsQuery);
  const consents = (grants.data?.grants ?? []).filter((grant) => grant.agent === agent.id);
  const title = (
    <>
      <h2 className="font-semibold text-title">
        <Text value={agent.id} />
      </h2>
      <Sentence agent={agent} consents={consents} />
    </>
  );
  return (
    <Pane label={agent.id} title={title} onClose={onClose}>
      <Stopped agent={agent} />
      <div className="flex flex-wrap gap-2">
        <Link to="/live" search={{ agent: agent.id }} className={ButtonLook}>
          What it does
        </Link>
        {consents.length === 0 && <Button onClick={() => setOpen('rotation')}>Rotate key…</Button>}
        {agent.stopped_by === null && (
          <Button kind="stop" onClick={() => stop({ kind: 'agent', id: agent.id })}>
            <OctagonX className="size-4" aria-hidden="true" /> Stop…
          </Button>
        )}
        <Button kind="quiet" onClick={() => setOpen('removal')}>
          Remove…
        </Button>
      </div>
      <MaySee agent={agent} />
      <Grants agent={agent} />
      <Activity agent={agent.id} />
      <Credentials agent={agent} consents={consents} />
      <Runs agent={agent.id} />
      <Command line="sallyport agent list" />
      {open === 'rotation' && <RotateKey agent={agent} onClose={close} />}
      {open === 'removal' && <Remove agent={agent.id} onClose={close} onRemoved={onClose} />}
    </Pane>
  );
}

/** What it is, before what it has. */
function Sentence({ agent, consents }: { agent: Agent; consents: readonly ClientGrant[] }) {
  const nameOf = useNames();
  const people = [...new Set(consents.map(({ person }) => nameOf(person)))];
  const { owner, version, jobs, purposes, users, added_at } = agent;
  return (
    <p className="max-w-prose text-soft">
      <Text value={owner} className="font-medium text-ink" /> answers for it. It may do{' '}
      <Text value={listOf(jobs)} className="font-medium text-ink" />
      {purposes.length > 0 && (
        <>
          {' '}
          for <Text value={listOf(purposes)} className="font-medium text-ink" />
        </>
      )}
      ,{' '}
      {people.length > 0 ? (
        <>
          in the name of <Text value={listOf(people)} className="font-medium text-ink" />, who let a client in
        </>
      ) : (
        <>
          in its own name, or in that of{' '}
          {users.length === 0 ? (
            'a person who lends it theirs'
          ) : (
            <Text value={listOf(users, 'or')} className="font-medium text-ink" />
          )}
        </>
      )}
      . Registered <Ago time={added_at} />, version <Text value={version} />.
    </p>
  );
}

function Stopped({ agent: { id, stopped_by } }: { agent: Agent }) {
  const stops = useQuery({ ...stopsQuery, enabled: stopped_by !== null });
  const nameOf = useNames();
  const lift = useAction((stop: string) => ask('stops.lift', { params: { stop } }));
  if (stopped_by === null) return null;
  const stop = stops.data?.stops.find((each) => each.stop === stopped_by);
  return (
    <div className="flex flex-col gap-2 rounded-medium bg-deny-soft px-3 py-2 text-deny">
      <div className="flex items-center justify-between gap-3">
        <Mark tone="deny" word={stop?.kind === 'all' ? 'stopped, with everything else' : 'stopped'} />
        <Button onClick={() => lift.run(stopped_by)} busy={lift.busy}>
          Lift
        </Button>
      </div>
      {stop !== undefined && (
        <p>
          <Text value={stop.reason} />, says <Text value={nameOf(stop.by)} />, <Ago time={stop.since} />. Whatever{' '}
          <Text value={id} /> asks for is refused until somebody lifts it.
        </p>
      )}
      <Refused error={lift.error} />
      <div className="text-ink">
        <Command line={`sallyport resume ${stopped_by}`} />
      </div>
    </div>
  );
}

const RUNS_SHOWN = 8;

function Runs({ agent }: { agent: string }) {
  const runs = useQuery(runsQuery);
  const all = (runs.data?.runs ?? []).filter((run) => run.agent === agent);
  const aside = (
    <Link to="/runs" search={{ q: agent, open: 'no' }} className="text-accent hover:underline">
      All runs
    </Link>
  );
  return (
    <Section title="Newest runs" aside={all.length > 0 && aside}>
      {all.length === 0 ? (
        <p className="text-soft">None yet. A run begins when the agent gets a token for a job.</p>
      ) : (
        <Rows>
          {all.slice(0, RUNS_SHOWN).map((run) => (
            <Row key={run.id} aside={<RunState run={run} />}>
              <Link
                to="/runs"
                search={{ run: run.id }}
                className="truncate font-mono text-accent text-small hover:underline"
              >
                {run.id}
              </Link>
              <span className="text-faint text-small">
                <Text value={run.job} />, opened <Ago time={run.opened_at} />
              </span>
            </Row>
          ))}
        </Rows>
      )}
      <Refused error={runs.error} />
    </Section>
  );
}

function Remove({ agent, onClose, onRemoved }: { agent: string; onClose: () => void; onRemoved: () => void }) {
  const remove = useAction(async () => {
    await ask('agents.remove', { params: { agent } });
    onClose();
    onRemoved();
  });
  return (
    <Dialog title={`Remove ${agent}`} onClose={onClose} onSubmit={() => remove.run(undefined)}>
      <p>
        Its runs end, its bearer tokens are revoked, and whatever it has in flight is cut. What it did stays in the log.
        A later agent of the same name inherits nothing.
      </p>
      <Refused error={remove.error} />
      <Command line={`sallyport agent remove ${agent}`} />
      <Actions>
        <Button onClick={onClose}>Cancel</Button>
        <Button kind="stop" type="submit" busy={remove.busy}>
          Remove {agent}
        </Button>
      </Actions>
    </Dialog>
  );
}
