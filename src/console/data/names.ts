import { useQuery } from '@tanstack/react-query';
import { meQuery, peopleQuery } from './queries.ts';

/** Who `person:per_…` is, for those who may know it; `gateway` and `local` are what they are. */
export function useNames(): (by: string) => string {
  const me = useQuery(meQuery).data;
  const review = me?.roles.some((role) => role === 'admin' || role === 'auditor') === true;
  const people = useQuery({ ...peopleQuery, enabled: review }).data?.people ?? [];
  return (by) => {
    if (by === 'gateway') return 'the gateway';
    if (me !== undefined && by === me.by) return `you (${me.name})`;
    return people.find(({ id }) => by === `person:${id}`)?.name ?? by;
  };
}
