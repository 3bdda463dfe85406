import { useQuery } from '@tanstack/react-query';
import { getRouteApi } from '@tanstack/react-router';
import { useMemo } from 'react';
import type { Output, PolicyEntry } from '../../api/contract/index.ts';
import { plural } from '../data/format.ts';
import { useKeys } from '../data/keys.ts';
import { useNames } from '../data/names.ts';
import { policyQuery } from '../data/queries.ts';
import { Key } from '../parts/button.tsx';
import { Command, Id } from '../parts/copy.tsx';
import { Section } from '../parts/facts.tsx';
import { Mark } from '../parts/marks.tsx';
import { Empty, Failed, Skeleton } from '../parts/states.tsx';
import { Text } from '../parts/text.tsx';
import { Ago } from '../parts/time.tsx';
import { Lint } from './lint.tsx';
import { OpenGrants } from './open-grants.tsx';
import { PolicyList } from './policy-list.tsx';
import { PolicyPane } from './policy-pane.tsx';
import { Proposals } from './proposals.tsx';
import { ShadowLine } from './shadow.tsx';

const route = getRouteApi('/shell/policies/');

/** What is in force: who put it there and why, what waits, what is wrong with it, and each policy. */
export function PoliciesPage() {
  const { policy: open, q = '' } = route.useSearch();
  const navigate = route.useNavigate();
  const policy = useQuery(policyQuery);
  const shown = useMemo(() => narrowed(policy.data?.policies ?? [], q), [policy.data, q]);
  const show = (id: string | undefined) =>
    void navigate({
      search: { ...(q === '' ? {} : { q }), ...(id === undefined ? {} : { policy: id }) },
      replace: true,
    });
  const step = (by: number) => {
    const at = shown.findIndex(({ id }) => id === open);
    const next = shown[Math.max(0, Math.min(shown.length - 1, at + by))];
    if (next !== undefined) show(next.id);
  };
  useKeys([
    ['j', () => step(1)],
    ['k', () => step(-1)],
    ['Escape', () => show(undefined)],
    [
      '/',
      (event) => {
        event.preventDefault();
        document.getElementById('policy-filter')?.focus();
      },
    ],
  ]);
  if (policy.isPending) return <Skeleton rows={10} />;
  if (policy.isError) return <Failed error={policy.error} retry={() => void policy.refetch()} />;
  const chosen = policy.data.policies.find(({ id }) => id === open);
  return (
    <div className="flex h-full">
      <section aria-label="Policies in force" className="flex min-w-0 grow flex-col">
        <div className="scrolls @container flex min-h-0 grow flex-col gap-6 p-4 sm:p-6">
          <Summary policy={policy.data} />
          <Problems problems={policy.data.problems} />
          <Proposals policy={policy.data} />
          <ShadowLine />
          <OpenGrants />
          <Lint set={policy.data.active.set} />
          <Section
            title="Policies"
            aside={
              <Filter
                q={q}
                onFilter={(next) => void navigate({ search: next === '' ? {} : { q: next }, replace: true })}
              />
            }
          >
            {shown.length > 0 ? (
              <PolicyList policies={shown} open={open} onOpen={show} />
            ) : (
              <Nothing some={policy.data.policies.length > 0} />
            )}
          </Section>
        </div>
        <footer className="shrink-0 border-line border-t bg-surface px-4 py-1.5 max-sm:hidden">
          <Command line="sallyport policy list" />
        </footer>
      </section>
      {chosen !== undefined && <PolicyPane key={chosen.id} policy={chosen} onClose={() => show(undefined)} />}
    </div>
  );
}

function narrowed(policies: readonly PolicyEntry[], q: string): PolicyEntry[] {
  const words = q.toLowerCase().split(/\s+/).filter(Boolean);
  return policies.filter(({ id, effect, file, reason, text }) => {
    const known = `${id} ${effect} ${file} ${reason} ${text}`.toLowerCase();
    return words.every((word) => known.includes(word));
  });
}

function Filter({ q, onFilter }: { q: string; onFilter: (q: string) => void }) {
  return (
    <label className="flex h-8 w-full max-w-64 items-center gap-2 rounded-medium border border-line-strong bg-surface px-2.5 focus-within:outline-2 focus-within:outline-accent">
      <span className="sr-only">Filter policies</span>
      <input
        id="policy-filter"
        value={q}
        onChange={(event) => onFilter(event.target.value)}
        placeholder="A name, a tool, a word"
        spellCheck={false}
        className="min-w-0 grow bg-transparent outline-none placeholder:text-faint"
      />
      <Key>/</Key>
    </label>
  );
}

/** The page as one sentence. */
function Summary({ policy: { active, policies, evaluator } }: { policy: Output<'policy'> }) {
  const nameOf = useNames();
  const permits = policies.filter(({ effect }) => effect === 'permit').length;
  return (
    <header className="flex flex-col gap-1">
      <h1 className="max-w-3xl text-balance font-medium text-title tracking-tight">
        {policies.length === 0
          ? 'No policy is in force, so everything is denied.'
          : `${plural(permits, 'policy permits', 'policies permit')}, ${plural(policies.length - permits, 'forbids', 'forbid')}. What none of them permits is denied.`}
      </h1>
      <p className="flex flex-wrap items-center gap-x-1.5 text-soft">
        <span>
          In force since <Ago time={active.activated_at} />, by <Text value={nameOf(active.activated_by)} />:{' '}
          <Text value={active.why} />
        </span>
        <span className="flex items-center gap-1 text-faint text-small">
          set <Id value={active.set} short={active.set.slice(0, 12)} />
        </span>
      </p>
      {evaluator === 'cedar-wasm' && (
        <Mark tone="alert" word="Decided by cedar-wasm, since the compiled form disagreed with it" />
      )}
    </header>
  );
}

function Problems({ problems }: { problems: Output<'policy'>['problems'] }) {
  if (problems.length === 0) return null;
  return (
    <Section title={`What is wrong with the files (${problems.length})`}>
      <ul className="divide-y divide-line rounded-large border border-line bg-surface">
        {problems.map(({ file, line, column, severity, message, help }) => (
          <li
            key={`${file}:${line}:${column}${message}`}
            className="grid gap-x-4 px-4 py-2.5 @2xl:grid-cols-[6rem_minmax(0,1fr)]"
          >
            <Mark tone={severity === 'error' ? 'alert' : 'hold'} word={severity} />
            <div className="min-w-0">
              <p>
                <Text value={message} />
              </p>
              <p className="text-faint text-small">
                <Text value={`${file}:${line}:${column}`} className="font-mono" />
                {help !== null && (
                  <>
                    {' · '}
                    <Text value={help} />
                  </>
                )}
              </p>
            </div>
          </li>
        ))}
      </ul>
    </Section>
  );
}

function Nothing({ some }: { some: boolean }) {
  if (some) return <p className="py-8 text-center text-soft">No policy has all of these words.</p>;
  return (
    <Empty title="Nothing is permitted" command="sallyport policy check">
      A policy is a file in the folder <span className="font-mono text-small">policies/</span>. It appears here as soon
      as it is in force.
    </Empty>
  );
}
