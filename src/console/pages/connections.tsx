import { useQuery } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { useEffect, useRef, useState } from 'react';
import type { Connection } from '../../api/contract/index.ts';
import { ask, isStatus } from '../data/client.ts';
import { connectionsQuery } from '../data/identity-queries.ts';
import { meQuery, queryClient } from '../data/queries.ts';
import { useAction } from '../data/use-action.ts';
import { Button } from '../parts/button.tsx';
import { Command } from '../parts/copy.tsx';
import { Mark } from '../parts/marks.tsx';
import { Empty, Failed, Refused, Skeleton } from '../parts/states.tsx';
import { Text } from '../parts/text.tsx';
import { Ago } from '../parts/time.tsx';
import { SignIn, Threshold } from './sign-in.tsx';

/** Servers at which people sign in by themselves: where this person did, and the gateway itself. */
export function ConnectionsPage() {
  const connections = useQuery(connectionsQuery);
  const me = useQuery(meQuery);
  if (connections.isPending) return <Skeleton rows={6} />;
  if (connections.isError) return <Failed error={connections.error} retry={() => void connections.refetch()} />;
  const all = connections.data.connections;
  const administers = me.data?.roles.includes('admin') ?? false;
  const lends = me.data?.roles.some((role) => role !== 'auditor') ?? false;
  return (
    <div className="scrolls h-full">
      <div className="mx-auto flex max-w-4xl flex-col gap-4 p-4 sm:p-6">
        <h1 className="font-semibold text-large">Connections</h1>
        {all.length === 0 ? (
          <Empty title="There is no server at which people sign in">
            A server whose configuration has <code>credential: {'{ connect: {} }'}</code> is used with each person’s own
            account there.
          </Empty>
        ) : (
          <>
            <Section
              title="Yours"
              about="Agents that act in your name use these servers as you. Nobody else’s do."
              connections={all.filter(({ holder }) => holder === 'me')}
              may={lends}
            />
            <Section
              title="The gateway’s own"
              about="For reading what a server offers, and for agents that act in nobody’s name. Until there is one, lists are read with the latest connection of a person."
              connections={all.filter(({ holder }) => holder === 'gateway')}
              may={administers}
            />
          </>
        )}
      </div>
    </div>
  );
}

type SectionProps = { title: string; about: string; connections: readonly Connection[]; may: boolean };

function Section({ title, about, connections, may }: SectionProps) {
  return (
    <section className="flex flex-col gap-2" aria-label={title}>
      <h2 className="font-semibold">{title}</h2>
      <p className="text-small text-soft">{about}</p>
      <ul className="divide-y divide-line rounded-large border border-line bg-surface">
        {connections.map((connection) => (
          <One key={connection.upstream} connection={connection} may={may} />
        ))}
      </ul>
    </section>
  );
}

function One({ connection, may }: { connection: Connection; may: boolean }) {
  const { upstream, holder, made } = connection;
  const connect = useAction(async () => {
    const { url } = await ask('connections.begin', { body: { upstream, holder } });
    location.assign(url);
  });
  const end = useAction(() => ask('connections.end', { params: { upstream, holder } }));
  const flag = holder === 'gateway' ? ' --gateway' : '';
  return (
    <li className="flex flex-col gap-2 px-4 py-3">
      <div className="flex flex-wrap items-center gap-x-4 gap-y-2">
        <span className="flex min-w-48 grow basis-64 flex-col gap-1">
          <span className="flex flex-wrap items-center gap-2 font-medium">
            <Text value={upstream} />
            {made === null ? <Mark tone="hold" word="not connected" /> : <Mark tone="permit" word="connected" />}
          </span>
          {made !== null && <Details made={made} />}
        </span>
        {may && (
          <span className="flex gap-1">
            <Button busy={connect.busy} onClick={() => connect.run(undefined)}>
              {made === null ? 'Connect' : 'Connect again'}
            </Button>
            {made !== null && (
              <Button kind="quiet" busy={end.busy} onClick={() => end.run(undefined)}>
                End
              </Button>
            )}
          </span>
        )}
      </div>
      <Refused error={connect.error ?? end.error} />
      {may && <Command line={`sallyport connect ${upstream}${flag}`} />}
    </li>
  );
}

function Details({ made }: { made: NonNullable<Connection['made']> }) {
  const { issuer, scope, renewable, access_expires_at, made_at, dpop } = made;
  return (
    <>
      <span className="break-all text-soft">
        at <Text value={issuer} />
        {scope !== '' && (
          <>
            , for <Text value={scope} />
          </>
        )}
      </span>
      <span className="text-faint text-small">
        since <Ago time={made_at} />,{' '}
        {renewable || access_expires_at === null ? (
          'renewed by itself'
        ) : (
          <>
            ends <Ago time={access_expires_at} />
          </>
        )}
        {dpop && ', bound to a key'}
      </span>
    </>
  );
}

/** Back from an authorization server. What came along leaves the address bar and the history at once, and counts once. */
export function Connected() {
  const me = useQuery(meQuery);
  const [query] = useState(() => new URLSearchParams(location.search));
  useEffect(() => history.replaceState(history.state, '', '/connected'), []);
  if (me.isPending) return <Skeleton rows={3} />;
  if (isStatus(me.error, 401)) return <SignIn />;
  if (me.isError) return <Failed error={me.error} retry={() => void me.refetch()} />;
  return <Finish query={query} />;
}

function Finish({ query }: { query: URLSearchParams }) {
  const [error, setError] = useState<unknown>();
  const navigate = useNavigate();
  const begun = useRef(false);
  useEffect(() => {
    if (begun.current) return;
    begun.current = true;
    const given = Object.fromEntries(
      ['code', 'error', 'iss'].flatMap((name) => {
        const value = query.get(name);
        return value === null ? [] : [[name, value]];
      }),
    );
    ask('connections.finish', { body: { state: query.get('state') ?? '', ...given } }).then(
      async () => {
        await queryClient.invalidateQueries({ queryKey: connectionsQuery.queryKey });
        await navigate({ to: '/connections', replace: true });
      },
      (failure: unknown) => setError(failure),
    );
  }, [query, navigate]);
  return (
    <Threshold title={error === undefined ? 'Connecting' : 'That did not work'}>
      {error === undefined ? <Skeleton rows={2} /> : <Refused error={error} />}
      {error !== undefined && (
        <Button kind="primary" onClick={() => void navigate({ to: '/connections', replace: true })} className="h-9">
          Begin again
        </Button>
      )}
    </Threshold>
  );
}
