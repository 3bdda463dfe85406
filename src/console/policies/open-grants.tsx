import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { grantsQuery } from '../data/policy-queries.ts';
import { Section } from '../parts/facts.tsx';
import { Refused } from '../parts/states.tsx';
import { GrantRow } from './grant-row.tsx';

const SHOWN = 3;

/** What stands open beside the policies, soonest end first. */
export function OpenGrants() {
  const grants = useQuery(grantsQuery(false));
  if (grants.isError) return <Refused error={grants.error} />;
  const open = (grants.data?.grants ?? []).filter((grant) => grant.open);
  if (grants.data === undefined || open.length === 0) return null;
  const ahead = grants.data.now - grants.dataUpdatedAt;
  const aside = (
    <Link to="/policies/grants" className="text-accent hover:underline">
      All grants
    </Link>
  );
  return (
    <Section title={`Open for a while (${open.length})`} aside={aside}>
      <ul className="divide-y divide-line rounded-large border border-line bg-surface">
        {open.slice(0, SHOWN).map((grant) => (
          <GrantRow key={grant.id} grant={grant} ahead={ahead} />
        ))}
      </ul>
    </Section>
  );
}
