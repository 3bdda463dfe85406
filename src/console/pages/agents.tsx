import { useQuery } from '@tanstack/react-query';
import { getRouteApi } from '@tanstack/react-router';
import { Plus } from 'lucide-react';
import { useState } from 'react';
import type { Agent } from '../../api/contract/index.ts';
import { useKeys } from '../data/keys.ts';
import { agentsQuery, tokensQuery } from '../data/queries.ts';
import { Button } from '../parts/button.tsx';
import { classes } from '../parts/classes.ts';
import { Command } from '../parts/copy.tsx';
import { Badge, Mark } from '../parts/marks.tsx';
import { Empty, Failed, Skeleton } from '../parts/states.tsx';
import { Text } from '../parts/text.tsx';
import { Ago } from '../parts/time.tsx';
import { AddAgent } from './agent-add.tsx';
import { AgentPane } from './agent-pane.tsx';

const route = getRouteApi('/shell/identity/agents');

/** Who may come to the agents' door, for which jobs, with which credentials. */
export function AgentsPage() {
  const { agent: open } = route.useSearch();
  const navigate = route.useNavigate();
  const agents = useQuery(agentsQuery);
  const [adding, setAdding] = useState(false);
  const list = agents.data?.agents ?? [];
  const show = (agent: string | undefined) =>
    void navigate({ search: agent === undefined ? {} : { agent }, replace: true });
  const step = (by: number) => {
    const at = list.findIndex(({ id }) => id === open);
    const next = list[Math.max(0, Math.min(list.length - 1, at + by))];
    if (next !== undefined) show(next.id);
  };
  useKeys([
    ['j', () => step(1)],
    ['k', () => step(-1)],
    ['Escape', () => show(undefined)],
    ['a', () => setAdding(true)],
  ]);
  if (agents.isPending) return <Skeleton rows={8} />;
  if (agents.isError) return <Failed error={agents.error} retry={() => void agents.refetch()} />;
  const chosen = list.find(({ id }) => id === open);
  return (
    <div className="flex h-full">
      <section aria-label="Agents" className="flex min-w-0 grow flex-col">
        <div className="flex shrink-0 items-center justify-between gap-3 border-line border-b bg-surface px-4 py-2">
          <h1 className="font-semibold text-large">
            Agents <span className="font-normal text-faint">{list.length}</span>
          </h1>
          <Button onClick={() => setAdding(true)}>
            <Plus className="size-4" aria-hidden="true" /> Add an agent
          </Button>
        </div>
        {list.length === 0 ? (
          <Empty title="No agent is registered" command="sallyport agent add triage --owner you --job triage-issues">
            An agent is registered with a key and the jobs that it may do. Nobody else gets an answer.
          </Empty>
        ) : (
          <AgentList agents={list} open={open} onOpen={show} />
        )}
        <footer className="shrink-0 border-line border-t bg-surface px-4 py-1.5 max-sm:hidden">
          <Command line="sallyport agent list" />
        </footer>
      </section>
      {chosen !== undefined && <AgentPane key={chosen.id} agent={chosen} onClose={() => show(undefined)} />}
      {adding && <AddAgent onClose={() => setAdding(false)} onAdded={show} />}
    </div>
  );
}

/** By the width of the list, since a pane may stand beside it. */
const COLUMNS =
  'grid-cols-[minmax(0,1fr)_auto] @xl:grid-cols-[minmax(8rem,14rem)_minmax(0,1fr)_auto] @4xl:grid-cols-[minmax(8rem,16rem)_minmax(6rem,10rem)_minmax(0,1fr)_8rem_6rem]';

function AgentList({
  agents,
  open,
  onOpen,
}: {
  agents: readonly Agent[];
  open: string | undefined;
  onOpen: (id: string) => void;
}) {
  const tokens = useQuery(tokensQuery);
  const bearers = (id: string) =>
    (tokens.data?.tokens ?? []).filter(
      ({ agent, revoked_at, expires_at }) => agent === id && revoked_at === null && expires_at > Date.now(),
    ).length;
  return (
    <ul className="scrolls @container min-h-0 grow bg-surface">
      {agents.map((agent) => (
        <li key={agent.id}>
          <button
            type="button"
            onClick={() => onOpen(agent.id)}
            aria-current={agent.id === open || undefined}
            className={classes(
              'grid w-full items-center gap-x-4 gap-y-1 border-line border-b px-4 py-2 text-left -outline-offset-2',
              COLUMNS,
              agent.id === open ? 'bg-selected' : 'hover:bg-hover',
            )}
          >
            <Text value={agent.id} className="truncate font-medium" />
            <span className="hidden truncate text-soft @4xl:inline">
              <Text value={agent.owner} />
            </span>
            <span className="flex min-w-0 flex-wrap gap-1 @max-xl:col-span-2 @max-xl:row-start-2">
              {agent.jobs.map((job) => (
                <Badge key={job}>{job}</Badge>
              ))}
            </span>
            <span className="hidden text-faint @4xl:inline">
              {bearers(agent.id) === 0 ? 'key' : `key, ${bearers(agent.id)} bearer`}
            </span>
            <span className="justify-self-end">
              {agent.stopped_by === null ? (
                <span className="text-faint">
                  <Ago time={agent.added_at} />
                </span>
              ) : (
                <Mark tone="deny" word="stopped" />
              )}
            </span>
          </button>
        </li>
      ))}
    </ul>
  );
}
