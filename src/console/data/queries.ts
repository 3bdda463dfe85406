import { QueryCache, QueryClient, queryOptions } from '@tanstack/react-query';
import type { ToolPart } from '../../api/contract/index.ts';
import { ApiError, ask, isStatus } from './client.ts';

const STATUS_EVERY_MS = 2_000;
const LIST_EVERY_MS = 5_000;
const STORY_EVERY_MS = 3_000;
/** A checkpoint is signed every second while there is traffic. */
const PROOF_AGAIN_MS = 700;
const PROOF_TRIES_MAX = 4;

export const queryClient: QueryClient = new QueryClient({
  queryCache: new QueryCache({
    onError: (error, { queryKey }) => isStatus(error, 401) && queryKey[0] !== 'me' && signedOut(),
  }),
  defaultOptions: {
    queries: {
      // A refusal stays a refusal; only a gateway that does not answer is asked again.
      retry: (count, error) => error instanceof ApiError && error.status === 0 && count < 2,
      refetchOnWindowFocus: true,
      staleTime: 1_000,
    },
  },
});

/** The session ended somewhere: the page asks who is there, and shows the door. */
export function signedOut(): void {
  void queryClient.invalidateQueries({ queryKey: ['me'] });
}

export const meQuery = queryOptions({
  queryKey: ['me'],
  queryFn: ({ signal }) => ask('me', {}, signal),
  staleTime: 30_000,
});

export const signInQuery = queryOptions({
  queryKey: ['sign-in'],
  queryFn: ({ signal }) => ask('session.options', {}, signal),
  staleTime: 60_000,
});

export const passkeysQuery = queryOptions({
  queryKey: ['passkeys'],
  queryFn: ({ signal }) => ask('me.passkeys', {}, signal),
});

export const statusQuery = queryOptions({
  queryKey: ['status'],
  queryFn: ({ signal }) => ask('status', {}, signal),
  refetchInterval: STATUS_EVERY_MS,
});

export const agentsQuery = queryOptions({
  queryKey: ['agents'],
  queryFn: ({ signal }) => ask('agents.list', {}, signal),
  refetchInterval: LIST_EVERY_MS,
});

export const tokensQuery = queryOptions({
  queryKey: ['tokens'],
  queryFn: ({ signal }) => ask('tokens.list', {}, signal),
});

export const runsQuery = queryOptions({
  queryKey: ['runs'],
  queryFn: ({ signal }) => ask('runs.list', { query: { limit: 200 } }, signal),
});

export const stopsQuery = queryOptions({
  queryKey: ['stops'],
  queryFn: ({ signal }) => ask('stops.list', {}, signal),
  refetchInterval: LIST_EVERY_MS,
});

export const vaultQuery = queryOptions({
  queryKey: ['vault'],
  queryFn: ({ signal }) => ask('vault.list', {}, signal),
  refetchInterval: LIST_EVERY_MS,
});

export const toolsQuery = queryOptions({
  queryKey: ['tools'],
  queryFn: ({ signal }) => ask('tools.list', {}, signal),
  refetchInterval: STATUS_EVERY_MS,
});

/** `version`: what the list says of it, so that what changed is read again. */
export const toolQuery = ({ server, kind, name }: Pick<ToolPart, 'server' | 'kind' | 'name'>, version: string) =>
  queryOptions({
    queryKey: ['tool', server, kind, name, version],
    queryFn: ({ signal }) => ask('tools.show', { query: { server, kind, name } }, signal),
    staleTime: Number.POSITIVE_INFINITY,
  });

export const peopleQuery = queryOptions({
  queryKey: ['people'],
  queryFn: ({ signal }) => ask('people.list', {}, signal),
});

export const policyQuery = queryOptions({
  queryKey: ['policy'],
  queryFn: ({ signal }) => ask('policy', {}, signal),
  refetchInterval: LIST_EVERY_MS,
});

/** Reading a story leaves a receipt, so it is read once, and again only when the exchange has ended meanwhile. */
export const storyQuery = (receipt: string, state: string | undefined) =>
  queryOptions({
    queryKey: ['story', receipt, state ?? 'any'],
    queryFn: ({ signal }) => ask('exchanges.story', { params: { receipt } }, signal),
    staleTime: Number.POSITIVE_INFINITY,
    refetchOnWindowFocus: false,
    // On a page of its own nobody else says when it has ended.
    refetchInterval: ({ state: { data } }) =>
      state === undefined && data?.exchange.state === 'open' ? STORY_EVERY_MS : false,
  });

export const proofQuery = (receipt: string) =>
  queryOptions({
    queryKey: ['proof', receipt],
    queryFn: ({ signal }) => ask('log.proof', { params: { receipt } }, signal),
    retry: (count, error) => isStatus(error, 404) && count < PROOF_TRIES_MAX,
    retryDelay: PROOF_AGAIN_MS,
    staleTime: Number.POSITIVE_INFINITY,
    refetchOnWindowFocus: false,
  });
