import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import type { Output, Status } from '../../api/contract/index.ts';
import { ask } from '../data/client.ts';
import { number, plural, shortId } from '../data/format.ts';
import { meQuery, policyQuery, statusQuery, stopsQuery } from '../data/queries.ts';
import { useAction } from '../data/use-action.ts';
import { Button } from '../parts/button.tsx';
import { Block, Command, Id } from '../parts/copy.tsx';
import { Card, Fact, Facts, Section } from '../parts/facts.tsx';
import { Badge, Mark } from '../parts/marks.tsx';
import { Failed, Refused, Skeleton } from '../parts/states.tsx';
import { Text } from '../parts/text.tsx';
import { Ago } from '../parts/time.tsx';
import { Proposals } from './proposals.tsx';

/** What stands between the agents and what they use, and whether it can be relied on. */
export function StatusPage() {
  const status = useQuery(statusQuery);
  const policy = useQuery(policyQuery);
  if (status.isPending) return <Skeleton rows={12} />;
  if (status.isError) return <Failed error={status.error} retry={() => void status.refetch()} />;
  return (
    <div className="scrolls h-full">
      <div className="mx-auto flex max-w-6xl flex-col gap-6 p-4 sm:p-6">
        <Summary status={status.data} />
        <Wrong status={status.data} />
        <Waiting status={status.data} />
        {policy.data !== undefined && <Proposals policy={policy.data} />}
        <Stops />
        <Upstreams status={status.data} />
        <div className="grid gap-6 lg:grid-cols-2">
          <Log status={status.data} />
          <Gateway status={status.data} />
        </div>
        {policy.data !== undefined && <Policies policy={policy.data} />}
        <Command line="sallyport status" />
      </div>
    </div>
  );
}

/** The page as one sentence. */
function Summary({
  status: { mode, observing_until, upstreams, policy, log, in_flight, replica },
}: {
  status: Status;
}) {
  const bypassable = upstreams.filter(({ exposure }) => exposure === 'bypassable').length;
  const way =
    bypassable === 0 ? 'none of them can be reached around it' : `${bypassable} of them can be reached around it`;
  return (
    <header className="flex flex-col gap-2">
      <h1 className="max-w-3xl text-balance font-medium text-title tracking-tight">
        {mode === 'enforcing' ? 'Enforcing' : 'Observing'} {plural(policy.policies, 'policy', 'policies')} before{' '}
        {plural(upstreams.length, 'server')}; {way}. The log is{' '}
        {log.state === 'writing' ? `being written, ${number(log.size)} entries long` : log.state}.
      </h1>
      <p className="flex flex-wrap gap-x-4 gap-y-1 text-soft">
        <span>{plural(in_flight, 'exchange')} in flight</span>
        {replica.leased ? (
          <span>Revocations are heard</span>
        ) : (
          <Mark tone="alert" word="Revocations are not heard: nothing is forwarded" />
        )}
        {mode === 'observing' && observing_until !== null && (
          <span>
            Enforcing again <Ago time={observing_until} />
          </span>
        )}
      </p>
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
  const others = waiting.filter(({ kind }) => kind !== 'proposal');
  if (others.length === 0) return null;
  return (
    <Section title="What waits for a person">
      <ul className="flex flex-col gap-2">
        {others.map(({ kind, what }) => (
          <li key={what} className="flex items-center gap-3 rounded-large border border-line bg-surface p-3">
            <Mark tone="hold" word={kind === 'setup' ? 'set-up' : kind} />
            <Text value={what} />
            {kind === 'setup' && (
              <Link to="/authenticator" className="ml-auto shrink-0 font-medium text-accent hover:underline">
                Enrol yours
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

function Policies({ policy: { active, policies, evaluator, problems } }: { policy: Output<'policy'> }) {
  const me = useQuery(meQuery);
  return (
    <Section
      title={`Policies in force (${policies.length})`}
      aside={
        <span className="flex items-center gap-1 text-faint text-small">
          set <Id value={active.set} short={active.set.slice(0, 12)} />
        </span>
      }
    >
      {problems.map((problem) => (
        <p
          key={`${problem.file}:${problem.line}:${problem.column}${problem.message}`}
          className="mb-2 rounded-medium bg-hold-soft px-3 py-2 text-small"
        >
          <Text value={`${problem.file}:${problem.line}:${problem.column} ${problem.message}`} />
          {problem.help !== null && (
            <span className="block text-soft">
              <Text value={problem.help} />
            </span>
          )}
        </p>
      ))}
      <Card className="overflow-hidden p-0">
        <ul className="divide-y divide-line">
          {policies.map((policy) => (
            <li key={policy.id}>
              <details className="group">
                <summary className="grid items-baseline gap-x-4 gap-y-0.5 px-4 py-2.5 hover:bg-hover md:grid-cols-[5rem_minmax(10rem,18rem)_minmax(0,1fr)_auto]">
                  <Mark tone={policy.effect === 'permit' ? 'permit' : 'deny'} word={policy.effect} />
                  <Text value={policy.id} className="font-mono text-small" />
                  <span className="text-soft">
                    <Text value={policy.reason} />
                  </span>
                  <span className="flex items-center gap-2 text-faint text-small">
                    {!policy.compiled && <Badge>cedar-wasm</Badge>}
                    <Text value={`${policy.file}:${policy.line}`} />
                  </span>
                </summary>
                <div className="px-4 pt-1 pb-4">
                  <Block value={policy.text} what="policy" />
                </div>
              </details>
            </li>
          ))}
          {policies.length === 0 && <li className="px-4 py-6 text-soft">None, so everything is denied.</li>}
        </ul>
      </Card>
      <p className="mt-2 text-faint text-small">
        Activated by{' '}
        <Text
          value={
            me.data !== undefined && active.activated_by === me.data.by ? `you (${me.data.name})` : active.activated_by
          }
        />
        , <Ago time={active.activated_at} />: <Text value={active.why} />
        {evaluator === 'cedar-wasm' && '. Decided by cedar-wasm, since the compiled form disagreed with it.'}
      </p>
    </Section>
  );
}
