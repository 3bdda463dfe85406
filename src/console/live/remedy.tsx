import { useQuery } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { lazy, Suspense, useState } from 'react';
import type { Explanation, Story } from '../../api/contract/index.ts';
import { conditionOf } from '../data/cedar.ts';
import { number } from '../data/format.ts';
import { editsOf, putEdits } from '../data/policy-draft.ts';
import { versionQuery, versionsQuery } from '../data/policy-queries.ts';
import { queryClient } from '../data/queries.ts';
import { Button } from '../parts/button.tsx';
import { Command } from '../parts/copy.tsx';
import { Diff } from '../parts/diff.tsx';
import { Refused } from '../parts/states.tsx';
import { Text } from '../parts/text.tsx';

const GiveGrant = lazy(async () => ({ default: (await import('../policies/grant-give.tsx')).GiveGrant }));

type Given = Explanation['remedy'];
type Change = Extract<Given, { kind: 'policy' }>;

/** What would have permitted it: for a while, or for good; nothing is changed by looking. */
export function Remedy({ story, remedy }: { story: Story; remedy: Given }) {
  if (remedy.kind === 'none') return null;
  return (
    <section
      aria-label="What would have permitted it"
      className="mt-3 flex flex-col gap-3 rounded-large border border-line bg-surface p-4"
    >
      <h3 className="font-semibold text-soft text-small">What would have permitted it</h3>
      {remedy.kind === 'elsewhere' ? (
        <>
          <p>
            <Text value={remedy.sentence} />
          </p>
          {remedy.command !== null && <Command line={remedy.command} />}
        </>
      ) : (
        <SmallestChange story={story} remedy={remedy} />
      )}
    </section>
  );
}

function SmallestChange({ story, remedy }: { story: Story; remedy: Change }) {
  const [granting, setGranting] = useState(false);
  const { sentence, edits, limits, tried, accesses } = remedy;
  const [access] = accesses;
  const added = edits.length === 1 && edits[0]?.before === null ? edits[0] : undefined;
  const grantable = added !== undefined && access !== undefined && accesses.length === 1;
  const when = added === undefined ? undefined : conditionOf(added.after);
  return (
    <>
      <p>
        <Text value={sentence} />
      </p>
      <div className="flex flex-wrap gap-2">
        {grantable && (
          <Button kind="primary" onClick={() => setGranting(true)}>
            Grant for 1 h…
          </Button>
        )}
        <Edit changes={edits} />
      </div>
      {!grantable && (
        <p className="text-soft">It is forbidden, and a grant lifts no prohibition: only a change of policy does.</p>
      )}
      <details>
        <summary className="text-accent hover:underline">The smallest change of policy</summary>
        <div className="mt-2 flex flex-col gap-2">
          {edits.map(({ policy, file, before, after }) => (
            <figure key={policy} className="flex flex-col gap-1">
              <figcaption className="flex flex-wrap gap-x-2 text-small">
                <Text value={policy} className="font-mono" />
                <span className="text-faint">
                  {before === null ? 'comes into' : 'changes in'} <Text value={file} />
                </span>
              </figcaption>
              <Diff before={before} after={after} />
            </figure>
          ))}
          <p className="text-faint text-small">
            <Text value={limits} /> {number(tried.others)} other requests were tried under both; {number(tried.changed)}{' '}
            of them came out otherwise.
          </p>
        </div>
      </details>
      {granting && access !== undefined && (
        <Suspense>
          <GiveGrant
            asked={{ agent: story.exchange.agent, ...access, ...(when === undefined ? {} : { when }) }}
            onClose={() => setGranting(false)}
          />
        </Suspense>
      )}
    </>
  );
}

/** Takes the change to the editor, as an edit of what is in force now. */
function Edit({ changes }: { changes: Change['edits'] }) {
  const navigate = useNavigate();
  const versions = useQuery({ ...versionsQuery, refetchInterval: false });
  const [error, setError] = useState<unknown>();
  const open = async () => {
    if (versions.data === undefined) return;
    try {
      const { files, version } = await queryClient.fetchQuery(versionQuery(versions.data.active));
      const stored = new Map(files.map(({ name, text }) => [name, text]));
      putEdits(version.set, editsOf(stored, changes));
      await navigate({
        to: '/policies/editor',
        search: { ...(changes[0] === undefined ? {} : { file: changes[0].file }) },
      });
    } catch (failure) {
      setError(failure);
    }
  };
  return (
    <>
      <Button onClick={() => void open()} disabled={versions.data === undefined}>
        Open in the editor
      </Button>
      <Refused error={error} />
    </>
  );
}
