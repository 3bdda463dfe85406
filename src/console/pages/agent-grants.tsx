import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useState } from 'react';
import type { Agent } from '../../api/contract/index.ts';
import { grantsQuery } from '../data/policy-queries.ts';
import { Button } from '../parts/button.tsx';
import { Section } from '../parts/facts.tsx';
import { Refused } from '../parts/states.tsx';
import { GiveGrant } from '../policies/grant-give.tsx';
import { GrantRow } from '../policies/grant-row.tsx';

/** What it may do for a while beside its policies, and what policies would fit what it does. */
export function Grants({ agent: { id, jobs } }: { agent: Agent }) {
  const grants = useQuery(grantsQuery(false));
  const [giving, setGiving] = useState(false);
  const own = (grants.data?.grants ?? []).filter(({ agent, open }) => agent === id && open);
  const [job] = jobs;
  const aside = <Button onClick={() => setGiving(true)}>Grant…</Button>;
  return (
    <Section title="For a while" aside={aside}>
      {grants.isSuccess && own.length === 0 && <p className="text-soft">Nothing beside its policies stands open.</p>}
      {grants.data !== undefined && own.length > 0 && (
        <ul className="@container divide-y divide-line rounded-large border border-line bg-surface">
          {own.map((grant) => (
            <GrantRow key={grant.id} grant={grant} ahead={grants.data.now - grants.dataUpdatedAt} agentShown={false} />
          ))}
        </ul>
      )}
      <Refused error={grants.error} />
      {job !== undefined && (
        <p className="mt-2">
          <Link to="/policies/suggestions" search={{ agent: id, job }} className="text-accent hover:underline">
            The least policy for what it does
          </Link>
        </p>
      )}
      {giving && <GiveGrant agent={id} onClose={() => setGiving(false)} />}
    </Section>
  );
}
