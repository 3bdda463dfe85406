import { queryOptions } from '@tanstack/react-query';
import { ask } from './client.ts';
import type { Edit } from './policy-draft.ts';

const LIST_EVERY_MS = 5_000;

export const versionsQuery = queryOptions({
  queryKey: ['policy-versions'],
  queryFn: ({ signal }) => ask('policy.versions', {}, signal),
  refetchInterval: LIST_EVERY_MS,
});

/** A set never changes; what it is compared with does. */
export const versionQuery = (set: string, against?: string) =>
  queryOptions({
    queryKey: ['policy-version', set, against ?? 'active'],
    queryFn: ({ signal }) =>
      ask('policy.version', { params: { set }, query: against === undefined ? {} : { against } }, signal),
  });

export const grantsQuery = (ended: boolean) =>
  queryOptions({
    queryKey: ['grants', ended],
    queryFn: ({ signal }) => ask('grants.list', { query: { ended: ended ? 'true' : 'false' } }, signal),
    refetchInterval: LIST_EVERY_MS,
  });

/** What policies can talk about; it changes when a server offers something else. */
export const policySchemaQuery = queryOptions({
  queryKey: ['policy-schema'],
  queryFn: ({ signal }) => ask('policy.schema', {}, signal),
  staleTime: 30_000,
});

export const lintQuery = (set: string) =>
  queryOptions({
    queryKey: ['policy-lint', set],
    queryFn: ({ signal }) => ask('policy.lint', { body: {} }, signal),
    staleTime: 30_000,
    refetchOnWindowFocus: false,
  });

export type TypedFile = { name: string; text: string };

/** What a load of these files would complain of. */
export const validateQuery = (files: readonly TypedFile[]) =>
  queryOptions({
    queryKey: ['policy-validate', files],
    queryFn: ({ signal }) => ask('policy.validate', { body: { files: [...files] } }, signal),
    staleTime: Number.POSITIVE_INFINITY,
    refetchOnWindowFocus: false,
    placeholderData: (before) => before,
  });

/** Who gains and who loses what by these files. */
export const differenceQuery = (files: readonly TypedFile[]) =>
  queryOptions({
    queryKey: ['policy-diff', files],
    queryFn: ({ signal }) => ask('policy.diff', { body: { after: { of: 'files', files: [...files] } } }, signal),
    staleTime: 60_000,
    refetchOnWindowFocus: false,
  });

/** The cases of a candidate, or those that are given. */
export const casesQuery = (base: string, edits: readonly Edit[], cases?: readonly TypedFile[]) =>
  queryOptions({
    queryKey: ['policy-test', base, edits, cases ?? 'own'],
    queryFn: ({ signal }) =>
      ask(
        'policy.test',
        { body: { base, edits: [...edits], ...(cases === undefined ? {} : { cases: [...cases] }) } },
        signal,
      ),
    staleTime: 30_000,
    refetchOnWindowFocus: false,
    placeholderData: (before) => before,
  });

const SUGGEST_EVERY_MS = 30_000;

/** Reading what was done leaves a receipt, so it is not asked again for every look at the page. */
export const suggestionsQuery = (days: number) =>
  queryOptions({
    queryKey: ['policy-suggestions', days],
    queryFn: ({ signal }) => ask('policy.suggestions', { query: { days } }, signal),
    staleTime: SUGGEST_EVERY_MS,
    refetchOnWindowFocus: false,
  });

export const suggestionQuery = (agent: string, job: string, days: number) =>
  queryOptions({
    queryKey: ['policy-suggestion', agent, job, days],
    queryFn: ({ signal }) => ask('policy.suggestion', { params: { agent, job }, query: { days } }, signal),
    staleTime: SUGGEST_EVERY_MS,
    refetchOnWindowFocus: false,
  });

const PROGRESS_EVERY_MS = 500;

/** Polled while it runs; what it found never changes. */
export const simulationQuery = (id: string) =>
  queryOptions({
    queryKey: ['policy-simulation', id],
    queryFn: ({ signal }) => ask('policy.simulation', { params: { id } }, signal),
    refetchInterval: ({ state: { data } }) =>
      data === undefined || data.state === 'running' ? PROGRESS_EVERY_MS : false,
    refetchOnWindowFocus: false,
  });

export const simulationsQuery = queryOptions({
  queryKey: ['policy-simulations'],
  queryFn: ({ signal }) => ask('policy.simulations', {}, signal),
});

export const shadowQuery = queryOptions({
  queryKey: ['policy-shadow'],
  queryFn: ({ signal }) => ask('policy.shadow', {}, signal),
  refetchInterval: LIST_EVERY_MS,
});

/** Counting reads receipts back and leaves one, so it is asked for again by hand. */
export const shadowDifferencesQuery = (set: string) =>
  queryOptions({
    queryKey: ['policy-shadow-differences', set],
    queryFn: ({ signal }) => ask('policy.shadow.differences', {}, signal),
    staleTime: SUGGEST_EVERY_MS,
    refetchOnWindowFocus: false,
  });
