import { useQuery } from '@tanstack/react-query';
import { useMemo } from 'react';
import type { Output, PolicyDifference } from '../../api/contract/index.ts';
import { number, plural } from '../data/format.ts';
import type { PolicyFiles } from '../data/policy-draft.ts';
import { differenceQuery } from '../data/policy-queries.ts';
import { Command } from '../parts/copy.tsx';
import { Section } from '../parts/facts.tsx';
import { Mark } from '../parts/marks.tsx';
import { Refused, Skeleton } from '../parts/states.tsx';
import { Text } from '../parts/text.tsx';

/** In words: who gains and who loses what by these files. */
export function Means({ files }: { files: PolicyFiles }) {
  const policies = useMemo(
    () => [...files].filter(([name]) => name.endsWith('.cedar')).map(([name, text]) => ({ name, text })),
    [files],
  );
  const found = useQuery(differenceQuery(policies));
  return (
    <Section title="What it means">
      {found.isPending && <Skeleton rows={3} />}
      <Refused error={found.error} />
      {found.isSuccess && <Found diff={found.data} />}
    </Section>
  );
}

const SAYS = { gain: ['hold', 'gains'], loss: ['deny', 'loses'], change: ['hold', 'changes'] } as const;

export function Found({ diff: { equal, differences, undecided, compared } }: { diff: Output<'policy.diff'> }) {
  return (
    <div className="flex flex-col gap-2">
      {equal && <p className="text-soft">Nobody gains or loses anything.</p>}
      {differences.length > 0 && (
        <ul className="divide-y divide-line rounded-large border border-line bg-surface">
          {differences.map((difference) => (
            <Difference key={difference.sentence + difference.witness.command} difference={difference} />
          ))}
        </ul>
      )}
      {undecided.map(({ about, because }) => (
        <p key={about} className="text-soft">
          <Mark tone="alert" word="not settled" /> <Text value={about} />: <Text value={because} />
        </p>
      ))}
      <p className="text-faint text-small">
        {plural(compared, 'combination')} of who, what and where compared. {number(differences.length)} differ.
      </p>
    </div>
  );
}

function Difference({ difference: { kind, sentence, witness, before, after } }: { difference: PolicyDifference }) {
  const [tone, word] = SAYS[kind];
  return (
    <li>
      <details>
        <summary className="grid grid-cols-[5rem_minmax(0,1fr)] gap-x-3 px-3 py-2 hover:bg-hover">
          <Mark tone={tone} word={word} />
          <Text value={sentence} />
        </summary>
        <div className="flex flex-col gap-2 px-3 pb-3 text-small text-soft">
          <p>
            For one: <Text value={`${witness.agent} in ${witness.job}: ${witness.action} on ${witness.resource}`} />.{' '}
            Before: {before.effect}, <Text value={before.why} />. After: {after.effect}, <Text value={after.why} />.
          </p>
          <Command line={witness.command} />
        </div>
      </details>
    </li>
  );
}
