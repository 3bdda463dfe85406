import { useQuery } from '@tanstack/react-query';
import type { Stop } from '../../api/contract/index.ts';
import { shortId } from '../data/format.ts';
import { delegationsQuery, useSeesPeople } from '../data/identity-queries.ts';
import { agentsQuery, peopleQuery, runsQuery, statusQuery, tokensQuery, toolsQuery } from '../data/queries.ts';

export type StopKind = Stop['kind'];

/** An id, what a person knows it by, and that in a word or two where the id is no name. */
export type Choices = readonly (readonly [id: string, label: string, short?: string])[];

export const KINDS: readonly (readonly [StopKind, string])[] = [
  ['agent', 'One agent'],
  ['user', 'Everything in one person’s name'],
  ['run', 'One run'],
  ['delegation', 'One delegation, and all beneath it'],
  ['key', 'One key'],
  ['token', 'One bearer token'],
  ['upstream', 'One server behind the gateway'],
  ['tool', 'One tool'],
  ['all', 'Everything'],
];

/** Those of a kind that could be stopped, as far as this person may list them. */
export function useChoices(kind: StopKind): Choices {
  const agents = useQuery({ ...agentsQuery, enabled: kind === 'agent' || kind === 'key' });
  const seesPeople = useSeesPeople();
  const people = useQuery({ ...peopleQuery, enabled: kind === 'user' && seesPeople });
  const runs = useQuery({ ...runsQuery, enabled: kind === 'run' });
  const delegations = useQuery({ ...delegationsQuery, enabled: kind === 'delegation' });
  const tokens = useQuery({ ...tokensQuery, enabled: kind === 'token' });
  const tools = useQuery({ ...toolsQuery, enabled: kind === 'tool' });
  const status = useQuery(statusQuery);
  const now = Date.now();
  switch (kind) {
    case 'all':
      return [];
    case 'agent':
      return (agents.data?.agents ?? []).map(({ id, owner }) => [id, `${id} (${owner})`]);
    case 'key':
      return (agents.data?.agents ?? []).map(({ id, key }) => [key, `of ${id} · ${shortId(key)}`, `the key of ${id}`]);
    case 'user':
      return (people.data?.people ?? []).map(({ id, name }) => [id, name, name]);
    case 'run':
      return (runs.data?.runs ?? [])
        .filter(({ ended_at, expires_at }) => ended_at === null && expires_at > now)
        .map(({ id, agent, job }) => [id, `${agent}, ${job} · ${shortId(id)}`]);
    case 'delegation':
      return (delegations.data?.delegations ?? []).map(({ id, lender, actor }) => [
        id,
        `${lender ?? 'a person'} → ${actor} · ${shortId(id)}`,
      ]);
    case 'token':
      return (tokens.data?.tokens ?? [])
        .filter(({ revoked_at, expires_at }) => revoked_at === null && expires_at > now)
        .map(({ id, agent, job }) => [id, `${agent}, ${job} · ${shortId(id)}`]);
    case 'upstream':
      return (status.data?.upstreams ?? []).map(({ server }) => [server, server]);
    case 'tool':
      return (tools.data?.parts ?? [])
        .filter((part) => part.kind === 'tool' && part.state !== 'removed')
        .map(({ server, name }) => [`${server}/${name}`, `${server}/${name}`]);
  }
}
