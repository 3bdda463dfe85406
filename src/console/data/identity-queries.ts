import { queryOptions, useQuery } from '@tanstack/react-query';
import { ask } from './client.ts';
import { meQuery, peopleQuery } from './queries.ts';

const LIST_EVERY_MS = 5_000;
/** Counting reads the log back: a fifth of a second of a processor for 20,000 entries. */
const COUNT_EVERY_MS = 15_000;

export const delegationsQuery = queryOptions({
  queryKey: ['delegations'],
  queryFn: ({ signal }) => ask('delegations.list', { query: { limit: 500 } }, signal),
  refetchInterval: LIST_EVERY_MS,
});

export const runQuery = (run: string) =>
  queryOptions({
    queryKey: ['run', run],
    queryFn: ({ signal }) => ask('runs.show', { params: { run } }, signal),
    refetchInterval: LIST_EVERY_MS,
  });

export const agentToolsQuery = (agent: string, job: string) =>
  queryOptions({
    queryKey: ['agent-tools', agent, job],
    queryFn: ({ signal }) => ask('agents.tools', { params: { agent }, query: { job } }, signal),
    refetchInterval: LIST_EVERY_MS,
  });

export const agentActivityQuery = (agent: string) =>
  queryOptions({
    queryKey: ['agent-activity', agent],
    queryFn: ({ signal }) => ask('agents.activity', { params: { agent } }, signal),
    refetchInterval: COUNT_EVERY_MS,
  });

export const agentWorkloadsQuery = (agent: string) =>
  queryOptions({
    queryKey: ['agent-workloads', agent],
    queryFn: ({ signal }) => ask('agents.workloads', { params: { agent } }, signal),
    refetchInterval: COUNT_EVERY_MS,
  });

export const connectionsQuery = queryOptions({
  queryKey: ['connections'],
  queryFn: ({ signal }) => ask('connections.list', {}, signal),
  refetchInterval: LIST_EVERY_MS,
});

export const clientGrantsQuery = queryOptions({
  queryKey: ['client-grants'],
  queryFn: ({ signal }) => ask('client_grants.list', {}, signal),
  refetchInterval: LIST_EVERY_MS,
});

/** Whether this person may see who the others are. */
export function useSeesPeople(): boolean {
  const me = useQuery(meQuery);
  return me.data?.roles.some((role) => role === 'admin' || role === 'auditor') ?? false;
}

/** Ids of people as names, for those who may know them: `person:usr_…` and `usr_…` alike. */
export function useNames(): (by: string) => string {
  const people = useQuery({ ...peopleQuery, enabled: useSeesPeople() });
  return (by) => {
    if (by === 'local') return 'the command line';
    const id = by.replace(/^(?:person|agent):/, '');
    return people.data?.people.find((person) => person.id === id)?.name ?? id;
  };
}
