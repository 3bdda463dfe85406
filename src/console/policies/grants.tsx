import { useQuery } from '@tanstack/react-query';
import { getRouteApi } from '@tanstack/react-router';
import { Plus } from 'lucide-react';
import { useState } from 'react';
import type { Grant, Output } from '../../api/contract/index.ts';
import { plural } from '../data/format.ts';
import { useKeys } from '../data/keys.ts';
import { grantsQuery } from '../data/policy-queries.ts';
import { Button } from '../parts/button.tsx';
import { Choice } from '../parts/choice.tsx';
import { Command } from '../parts/copy.tsx';
import { Empty, Failed, Skeleton } from '../parts/states.tsx';
import { GiveGrant } from './grant-give.tsx';
import { GrantRow } from './grant-row.tsx';

const route = getRouteApi('/shell/policies/grants');

/** Privilege that ends by itself: what stands open, until when, given by whom and why. */
export function GrantsPage() {
  const { ended } = route.useSearch();
  const navigate = route.useNavigate();
  const grants = useQuery(grantsQuery(ended === 'yes'));
  const [giving, setGiving] = useState(false);
  useKeys([['a', () => setGiving(true)]]);
  if (grants.isPending) return <Skeleton rows={8} />;
  if (grants.isError) return <Failed error={grants.error} retry={() => void grants.refetch()} />;
  const shown = grants.data.grants.filter(({ open }) => open === (ended !== 'yes'));
  return (
    <div className="flex h-full flex-col">
      <div className="flex shrink-0 flex-wrap items-center justify-between gap-3 border-line border-b bg-surface px-4 py-2">
        <h1 className="font-semibold text-large">
          Temporary grants <span className="font-normal text-faint">{shown.length}</span>
        </h1>
        <div className="flex items-center gap-2">
          <Choice
            legend="Which"
            options={[
              { value: undefined, label: 'Open' },
              { value: 'yes', label: 'Ended' },
            ]}
            value={ended}
            onChoose={(next) => void navigate({ search: next === undefined ? {} : { ended: next }, replace: true })}
          />
          <Button onClick={() => setGiving(true)}>
            <Plus className="size-4" aria-hidden="true" /> Grant
          </Button>
        </div>
      </div>
      <Shown grants={shown} data={grants.data} fetched={grants.dataUpdatedAt} ended={ended === 'yes'} />
      <footer className="shrink-0 border-line border-t bg-surface px-4 py-1.5 max-sm:hidden">
        <Command line={ended === 'yes' ? 'sallyport grant list --ended' : 'sallyport grant list'} />
      </footer>
      {giving && <GiveGrant onClose={() => setGiving(false)} />}
    </div>
  );
}

function Shown({
  grants,
  data,
  fetched,
  ended,
}: {
  grants: readonly Grant[];
  data: Output<'grants.list'>;
  fetched: number;
  ended: boolean;
}) {
  if (grants.length === 0) {
    return ended ? (
      <Empty title="No grant has ended" />
    ) : (
      <Empty
        title="Nothing stands open"
        command="sallyport grant triage --action tool.call --resource files/read --for 1h --reason …"
      >
        A grant lets one agent do one thing for a while, and then ends by itself. It is given here, or from the exchange
        that was refused.
      </Empty>
    );
  }
  return (
    <div className="scrolls min-h-0 grow">
      <ul className="@container divide-y divide-line border-line border-b bg-surface">
        {grants.map((grant) => (
          <GrantRow key={grant.id} grant={grant} ahead={data.now - fetched} />
        ))}
      </ul>
      {!ended && (
        <p className="px-4 py-2 text-faint text-small">
          {plural(grants.length, 'grant')} beside the policies. Whatever a policy forbids stays forbidden.
        </p>
      )}
    </div>
  );
}
