import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import type { Status } from '../../api/contract/index.ts';
import { ask } from '../data/client.ts';
import { number, plural, shortId } from '../data/format.ts';
import { statusQuery, stopsQuery } from '../data/queries.ts';
import { useAction } from '../data/use-action.ts';
import { Button } from '../parts/button.tsx';
import { Command, Id } from '../parts/copy.tsx';
import { Card, Fact, Facts, Section } from '../parts/facts.tsx';
import { Mark } from '../parts/marks.tsx';
import { Failed, Refused, Skeleton } from '../parts/states.tsx';
import { Text } from '../parts/text.tsx';
import { Ago } from '../parts/time.tsx';
import { ModeStep } from '../shell/mode-step.tsx';

/** What stands between the agents and what they use, and whether it can be relied on. */
export function StatusPage() {
  const status = useQuery(statusQuery);
  if (status.isPending) return <Skeleton rows={12} />;
  if (status.isError) return <Failed error={status.error} retry={() => void status.refetch()} />;
  return (
    <div className="scrolls h-full">
      <div className="mx-auto flex max-w-6xl flex-col gap-6 p-4 sm:p-6">
        <Summary status={status.data} />
        <Wrong status={status.data} />
        <Waiting status={status.data} />
        <Stops />
        <Upstreams status={status.data} />
        <div className="grid gap-6 lg:grid-cols-2">
          <Log status={status.data} />
          <Gateway status={status.data} />
        </div>
        <Command line="sallyport status" />
      </div>
    </div>
  );
}

/** The page as one sentence. */
function Summary({ status: { mode, upstreams, policy, log, in_flight, replica } }: { status: Status }) {
  const bypassable = upstreams.filter(({ exposure }) => exposure === 'bypassable').length;
  const way =
    bypassable === 0 ? 'none of them can be reached around it' : `${bypassable} of them can be reached around it`;
  return (
    <header className="flex flex-col gap-2">
      <h1 className="max-w-3xl text-balance font-medium text-title tracking-tight">
        {mode === 'enforcing' ? 'Enforcing' : 'Observing'}{' '}
        <Link to="/policies" className="underline decoration-line-strong underline-offset-4 hover:decoration-ink">
          {plural(policy.policies, 'policy', 'policies')}
        </Link>{' '}
        before {plural(upstreams.length, 'server')}; {way}. The log is{' '}
        {log.state === 'writing' ? `being written, ${number(log.size)} entries long` : log.state}.
      </h1>
      <p className="flex flex-wrap gap-x-4 gap-y-1 text-soft">
        <span>{plural(in_flight, 'exchange')} in flight</span>
        {replica.leased ? (
          <span>Revocations are heard</span>
        ) : (
          <Mark tone="alert" word="Revocations are not heard: nothing is forwarded" />
        )}
      </p>
      <div className="self-start">
        <ModeStep />
      </div>
    </header>
  );
}

function Wrong({ status: { wrong } }: { status: Status }) {
  if (wrong.length === 0) return null;
  return (
    <Section title={`What is wrong (${wrong.length})`}>
      <ul className="divide-y divide-alert/20 rounded-large border border-alert/30 bg-alert-soft">
        {wrong.map((fault) => (
          <li key={fault.code + fault.what} className="grid gap-x-4 px-4 py-2.5 md:grid-cols-[13rem_minmax(0,1fr)]">
            <Mark tone="alert" word={fault.code.replaceAll('_', ' ')} />
            <div>
              <p>
                <Text value={fault.what} />
              </p>
              <p className="text-soft">
                <Text value={fault.remedy} />
              </p>
            </div>
          </li>
        ))}
      </ul>
    </Section>
  );
}

function Waiting({ status: { waiting } }: { status: Status }) {
  if (waiting.length === 0) return null;
  return (
    <Section title="What waits for a person">
      <ul className="flex flex-col gap-2">
        {waiting.map(({ kind, what }) => (
          <li key={what} className="flex items-center gap-3 rounded-large border border-line bg-surface p-3">
            <Mark tone="hold" word={kind === 'setup' ? 'set-up' : kind} />
            <Text value={what} />
            {kind === 'setup' && (
              <Link to="/authenticator" className="ml-auto shrink-0 font-medium text-accent hover:underline">
                Enrol yours
              </Link>
            )}
            {kind === 'proposal' && (
              <Link to="/policies" className="ml-auto shrink-0 font-medium text-accent hover:underline">
                Look at it
              </Link>
            )}
            {kind === 'tool' && (
              <Link
                to="/tools"
                search={{ state: 'waits' }}
                className="ml-auto shrink-0 font-medium text-accent hover:underline"
              >
                Look at it
              </Link>
            )}
          </li>
        ))}
      </ul>
    </Section>
  );
}

function Stops() {
  const stops = useQuery(stopsQuery);
  const lift = useAction((stop: string) => ask('stops.lift', { params: { stop } }));
  if (stops.data === undefined || stops.data.stops.length === 0) return null;
  return (
    <Section title={`What is stopped (${stops.data.stops.length})`}>
      <ul className="flex flex-col gap-2">
        {stops.data.stops.map(({ stop, kind, id, reason, by, since, durable }) => (
          <li
            key={stop}
            className="flex flex-wrap items-center gap-x-4 gap-y-1 rounded-large border border-deny/30 bg-deny-soft p-3"
          >
            <Mark tone="deny" word={id === null ? 'everything' : `${kind} ${shortId(id)}`} />
            <span className="grow">
              <Text value={reason} />{' '}
              <span className="text-soft">
                <Text value={by} />, <Ago time={since} />
                {durable ? '' : '; only on this replica so far'}
              </span>
            </span>
            <Button onClick={() => lift.run(stop)} busy={lift.busy}>
              Lift…
            </Button>
          </li>
        ))}
      </ul>
      <Refused error={lift.error} />
    </Section>
  );
}

const UPSTREAM_WORDS = { ready: 'In use', idle: 'Idle', waiting: 'Does not answer' } as const;

function Upstreams({ status: { upstreams } }: { status: Status }) {
  return (
    <Section title="Servers behind the gateway">
      {upstreams.length === 0 ? (
        <Card>
          <p className="text-soft">None. Name one under `upstreams` in sallyport.yaml, then:</p>
          <div className="mt-2">
            <Command line="sallyport config check" />
          </div>
        </Card>
      ) : (
        <ul className="grid gap-3 md:grid-cols-2 xl:grid-cols-3">
          {upstreams.map((upstream) => (
            <li key={upstream.server}>
              <Card className="flex h-full flex-col gap-2 p-4">
                <div className="flex flex-wrap items-center justify-between gap-2">
                  <Text value={upstream.server} className="font-semibold text-large" />
                  {upstream.state === 'waiting' ? (
                    <Mark tone="alert" word={UPSTREAM_WORDS.waiting} />
                  ) : (
                    <span className="text-soft">{UPSTREAM_WORDS[upstream.state]}</span>
                  )}
                </div>
                {upstream.exposure === 'enclosed' ? (
                  <Mark tone="permit" word="Enclosed" />
                ) : (
                  <Mark tone="hold" word="Bypassable" />
                )}
                <p className="text-soft">
                  <Text value={upstream.exposure_note} />
                </p>
                <p className="mt-auto pt-1 text-faint text-small">
                  {upstream.eras.length > 0
                    ? `MCP ${upstream.eras.join(' and ')}`
                    : 'Not asked yet which MCP it speaks'}{' '}
                  · {plural(upstream.sessions, 'session')} · {plural(upstream.restarts, 'restart')}
                  {upstream.dropped > 0 ? ` · ${plural(upstream.dropped, 'frame')} dropped` : ''}
                </p>
                {upstream.last_error !== null && (
                  <p className="text-alert text-small">
                    <Text value={upstream.last_error} />
                  </p>
                )}
              </Card>
            </li>
          ))}
        </ul>
      )}
    </Section>
  );
}

function Log({ status: { log } }: { status: Status }) {
  return (
    <Section title="The log">
      <Card>
        <Facts>
          <Fact name="State">
            {log.state === 'writing' ? (
              <Mark tone="permit" word="being written" />
            ) : (
              <Mark tone="alert" word={log.state} />
            )}
          </Fact>
          <Fact name="Why">{log.reason !== null && <Text value={log.reason} />}</Fact>
          <Fact name="Origin">
            <Text value={log.origin} />
          </Fact>
          <Fact name="Size">{plural(log.size, 'entry', 'entries')}</Fact>
          <Fact name="Root">
            <Id value={log.root} />
          </Fact>
          <Fact name="Checkpoint">{log.checkpoint_at === null ? 'none yet' : <Ago time={log.checkpoint_at} />}</Fact>
          <Fact name="Witnesses">
            {log.witnesses.length > 0 ? (
              log.witnesses.join(', ')
            ) : (
              <span className="text-soft">None: only a checkpoint kept elsewhere proves it to a stranger</span>
            )}
          </Fact>
        </Facts>
        <div className="mt-3">
          <Command line="sallyport verify .sallyport/log --seen checkpoint.txt" />
        </div>
      </Card>
    </Section>
  );
}

function Gateway({ status: { replica, storage, started_at, build, addresses } }: { status: Status }) {
  return (
    <Section title="This gateway">
      <Card>
        <Facts>
          <Fact name="Started">
            <Ago time={started_at} />
          </Fact>
          <Fact name="Version">{build}</Fact>
          <Fact name="Storage">{storage}</Fact>
          <Fact name="Replica">
            <Id value={replica.id} />
          </Fact>
          <Fact name="Epoch">{number(replica.epoch)}</Fact>
          <Fact name="State version">{number(replica.state_version)}</Fact>
          <Fact name="Agents">
            <Id value={`${addresses.agents}/mcp`} />
          </Fact>
          <Fact name="People">
            <Id value={addresses.people} />
          </Fact>
        </Facts>
      </Card>
    </Section>
  );
}
