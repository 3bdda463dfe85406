import { useQuery } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { useMemo, useState } from 'react';
import type { Output, Suggestion } from '../../api/contract/index.ts';
import { acceptedEdits } from '../data/accepted.ts';
import { plural, shellWord } from '../data/format.ts';
import { dropDraft, type Edit, putEdits } from '../data/policy-draft.ts';
import { suggestionQuery, versionQuery, versionsQuery } from '../data/policy-queries.ts';
import { policyQuery } from '../data/queries.ts';
import { Button } from '../parts/button.tsx';
import { Command } from '../parts/copy.tsx';
import { Section } from '../parts/facts.tsx';
import { Pane } from '../parts/pane.tsx';
import { Failed, Skeleton } from '../parts/states.tsx';
import { Text } from '../parts/text.tsx';
import { Ago } from '../parts/time.tsx';
import { Propose } from './propose.tsx';
import { SuggestedClauseCard, UnusedRow } from './suggestion-clause.tsx';

type Props = { agent: string; job: string; days: number; onClose: () => void };

/** One agent in one job: what it needs, clause by clause with its evidence, and what it has and never used. */
export function SuggestionPane({ agent, job, days, onClose }: Props) {
  const suggestion = useQuery(suggestionQuery(agent, job, days));
  const title = (
    <>
      <h2 className="font-semibold text-title">
        <Text value={agent} /> <span className="font-normal text-faint">in</span> <Text value={job} />
      </h2>
      {suggestion.isSuccess && <Sentence suggestion={suggestion.data} />}
    </>
  );
  return (
    <Pane label={`${agent} in ${job}`} title={title} onClose={onClose}>
      {suggestion.isPending && <Skeleton rows={10} />}
      {suggestion.isError && <Failed error={suggestion.error} retry={() => void suggestion.refetch()} />}
      {suggestion.isSuccess && <Review suggestion={suggestion.data} />}
      <Command line={`sallyport policy suggest --agent ${shellWord(agent)} --job ${shellWord(job)} --since ${days}d`} />
    </Pane>
  );
}

function Sentence({ suggestion: { calls, runs, first_seen, last_seen, clauses } }: { suggestion: Suggestion }) {
  return (
    <p className="max-w-prose text-soft">
      {plural(calls, 'call')} in {plural(runs, 'run')}, the first <Ago time={first_seen} />, the last{' '}
      <Ago time={last_seen} />. {plural(clauses.length, 'permit')} would let {clauses.length === 1 ? 'it' : 'them'}{' '}
      through, and nothing else.
    </p>
  );
}

function Review({ suggestion }: { suggestion: Suggestion }) {
  const { clauses, unused, lists } = suggestion;
  const fresh = clauses.filter(({ active }) => !active);
  const [taken, setTaken] = useState<ReadonlySet<string>>(() => new Set(fresh.map(({ id }) => id)));
  const [gone, setGone] = useState<ReadonlySet<string>>(() => new Set());
  return (
    <>
      <Section title={`What it needs (${clauses.length})`}>
        <ul className="flex flex-col gap-3">
          {clauses.map((clause) => (
            <SuggestedClauseCard
              key={clause.id}
              clause={clause}
              taken={taken.has(clause.id)}
              onTake={(take) => setTaken(toggled(taken, clause.id, take))}
            />
          ))}
          {clauses.length === 0 && <li className="text-soft">Nothing: it did nothing that needs a permit.</li>}
        </ul>
      </Section>
      {lists.length > 0 && (
        <Section title="What cannot be learnt closely">
          <ul className="flex flex-col gap-1 text-soft">
            {lists.map(({ tool, argument }) => (
              <li key={`${tool} ${argument}`}>
                <Text value={argument} className="font-mono text-small" /> of{' '}
                <Text value={tool} className="font-mono text-small" /> is a list: declared{' '}
                <span className="font-mono text-small">each</span> for this tool in sallyport.yaml, every member is
                decided by itself.
              </li>
            ))}
          </ul>
        </Section>
      )}
      {unused.length > 0 && (
        <Section title={`What it has and did not use (${unused.length})`}>
          <ul className="divide-y divide-line rounded-large border border-line bg-surface">
            {unused.map((each) => (
              <UnusedRow
                key={each.policy}
                unused={each}
                gone={gone.has(each.policy)}
                onGone={(go) => setGone(toggled(gone, each.policy, go))}
              />
            ))}
          </ul>
        </Section>
      )}
      <Decide suggestion={suggestion} clauses={taken} gone={gone} />
    </>
  );
}

function toggled(set: ReadonlySet<string>, id: string, there: boolean): ReadonlySet<string> {
  const next = new Set(set);
  if (there) next.add(id);
  else next.delete(id);
  return next;
}

type Decided = { suggestion: Suggestion; clauses: ReadonlySet<string>; gone: ReadonlySet<string> };

/** What is accepted as edits of the set in force; undefined until that is known. */
function useAccepted({ suggestion, clauses, gone }: Decided) {
  const versions = useQuery(versionsQuery).data;
  const policies = useQuery(policyQuery).data?.policies;
  const base = versions?.active;
  const version = useQuery({ ...versionQuery(base ?? ''), enabled: base !== undefined }).data;
  const edits = useMemo(() => {
    if (version === undefined || policies === undefined) return undefined;
    const files = new Map(version.files.map(({ name, text }) => [name, text]));
    return acceptedEdits(suggestion, { clauses, gone }, files, policies);
  }, [suggestion, clauses, gone, version, policies]);
  if (versions === undefined || edits === undefined) return undefined;
  return { base: versions.active, source: versions.source, edits };
}

function Decide(props: Decided) {
  const accepted = useAccepted(props);
  const [proposing, setProposing] = useState(false);
  const fresh = props.suggestion.clauses.filter(({ active, id }) => !active && props.clauses.has(id)).length;
  const nothing = accepted === undefined || accepted.edits.length === 0;
  return (
    <div className="-mx-4 sticky -bottom-4 flex flex-wrap items-center gap-2 border-line border-t bg-canvas px-4 py-3">
      <span className="mr-auto text-small text-soft">
        {nothing ? 'Nothing is chosen' : `${plural(fresh, 'permit')} accepted, ${props.gone.size} taken away`}
      </span>
      <AsDraft accepted={accepted} />
      <Button kind="primary" disabled={nothing} onClick={() => setProposing(true)}>
        Propose…
      </Button>
      {proposing && accepted !== undefined && <Propose {...accepted} onClose={() => setProposing(false)} />}
    </div>
  );
}

type Edits = { base: string; source: Output<'policy.versions'>['source']; edits: readonly Edit[] };

/** The choice as a draft, on its way to where drafts are looked at. */
function AsDraft({ accepted }: { accepted: Edits | undefined }) {
  const navigate = useNavigate();
  const nothing = accepted === undefined || accepted.edits.length === 0;
  const go = (to: '/policies/editor' | '/policies/simulate') => {
    if (accepted === undefined) return;
    dropDraft();
    putEdits(accepted.base, accepted.edits);
    const [first] = accepted.edits;
    if (to === '/policies/simulate') void navigate({ to, search: { of: 'draft' } });
    else void navigate({ to, search: first === undefined ? {} : { file: first.name } });
  };
  return (
    <>
      <Button onClick={() => go('/policies/editor')} disabled={nothing}>
        Edit
      </Button>
      <Button onClick={() => go('/policies/simulate')} disabled={nothing}>
        Simulate…
      </Button>
    </>
  );
}
