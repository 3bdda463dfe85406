import type { Person } from '../../../core/person.ts';
import type { SignInRule } from './settings.ts';

/** Clients that registered themselves: anybody may bear any name among them. */
export const REGISTERED = 'registered';
const DOCUMENT = /^https:\/\//;

export function isDocument(client: string): boolean {
  return DOCUMENT.test(client);
}

/** Whether any rule is about this client, whoever signs in. Until one is, nothing is fetched for it. */
export function isNamed(client: string, rules: readonly SignInRule[]): boolean {
  return rules.some(({ clients }) => clients.some((pattern) => matches(pattern, client)));
}

/** What this person may let this client do; empty where nothing. */
export function jobsFor(client: string, person: Person, rules: readonly SignInRule[]): readonly string[] {
  const own = rules.filter((rule) => rule.clients.some((pattern) => matches(pattern, client)) && isAbout(rule, person));
  return [...new Set(own.flatMap(({ jobs }) => jobs))].sort();
}

function isAbout({ people, roles }: SignInRule, person: Person): boolean {
  const name = nameKey(person.name);
  return people.some((known) => nameKey(known) === name) || roles.some((role) => person.roles.includes(role));
}

/** As accounts are told apart. */
function nameKey(name: string): string {
  return name.normalize('NFKC').trim().toLowerCase();
}

function matches(pattern: string, client: string): boolean {
  if (pattern === REGISTERED) return !isDocument(client);
  if (!isDocument(client)) return false;
  if (pattern === '*') return true;
  // The star stands behind the host's slash, so that no other host begins like it.
  return pattern.endsWith('/*') ? client.startsWith(pattern.slice(0, -1)) : client === pattern;
}
