/**
 * People who look after the gateway. A `viewer` sees what happens without names or arguments; an `auditor` reads and
 * proves everything and changes nothing; an `operator` reads, stops and hands out credentials; an `administrator` also
 * decides who the people, the agents and the policies are.
 */
export const ROLES = ['viewer', 'auditor', 'operator', 'administrator'] as const;
export type Role = (typeof ROLES)[number];

export type Person = { id: string; name: string; roles: readonly Role[] };
