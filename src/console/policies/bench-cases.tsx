import { useQuery } from '@tanstack/react-query';
import type { Output } from '../../api/contract/index.ts';
import { plural } from '../data/format.ts';
import type { Edit, PolicyFiles } from '../data/policy-draft.ts';
import { casesQuery } from '../data/policy-queries.ts';
import { Command } from '../parts/copy.tsx';
import { Mark } from '../parts/marks.tsx';
import { Refused, Skeleton } from '../parts/states.tsx';
import { Text } from '../parts/text.tsx';

/** The cases that stand beside the policies, run against what is typed. */
export function Cases({ base, edits, shown }: { base: string; edits: readonly Edit[]; shown: PolicyFiles }) {
  const some = [...shown.keys()].some((name) => name.endsWith('.test.yaml'));
  const run = useQuery({ ...casesQuery(base, edits), enabled: some });
  if (!some) {
    return (
      <p className="text-soft">
        None yet. A file such as support.test.yaml says who asks for what and what must come of it; a set whose cases
        fail cannot be activated.
      </p>
    );
  }
  if (run.isPending) return <Skeleton rows={4} />;
  if (run.isError) return <Refused error={run.error} />;
  return <Results run={run.data} />;
}

export function Results({ run: { results, problems } }: { run: Output<'policy.test'> }) {
  const failed = results.filter(({ passed }) => !passed);
  return (
    <div className="flex flex-col gap-3">
      <p>
        {failed.length === 0 && problems.every(({ severity }) => severity !== 'error') ? (
          <Mark tone="permit" word={`${plural(results.length, 'case')} passed`} />
        ) : (
          <Mark tone="deny" word={`${plural(failed.length, 'case')} of ${results.length} failed`} />
        )}
      </p>
      {problems.map(({ file, line, message }) => (
        <p key={`${file}:${line}${message}`} className="text-small text-soft">
          <Text value={`${file}:${line} ${message}`} />
        </p>
      ))}
      <ul className="divide-y divide-line rounded-large border border-line bg-surface">
        {[...failed, ...results.filter(({ passed }) => passed)].map(
          ({ file, line, it, passed, differences, decision }) => (
            <li key={`${file}:${line}${it}`} className="grid grid-cols-[5rem_minmax(0,1fr)] gap-x-3 px-3 py-2">
              <Mark tone={passed ? 'permit' : 'deny'} word={passed ? 'passed' : 'failed'} />
              <span className="min-w-0">
                <Text value={it} />
                <span className="text-faint text-small">
                  {' '}
                  {decision}, <Text value={`${file}:${line}`} />
                </span>
                {differences.map((difference) => (
                  <span key={difference} className="block text-small text-soft">
                    <Text value={difference} />
                  </span>
                ))}
              </span>
            </li>
          ),
        )}
      </ul>
      <Command line="sallyport policy test policies/" />
    </div>
  );
}
