import type { Run } from '../../../core/principal.ts';
import { ANYONE, type NewVaultEntry, type VaultKind, type VaultTerms, type VaultUse } from './contract.ts';
import { isField } from './shapes.ts';

export const NAME = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;
const LIST_MAX = 64;
const WORD = /^(?:\*|[^\s\p{C}]{1,200})$/u;
/** A name, an IPv4 address or an IPv6 address in brackets, as URLs have it, and a port. */
const HOST = /^(?:[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?|\[[0-9a-f:.]+\])(?::[1-9]\d{0,4})?$/;

export function completeTerms(given: NewVaultEntry): VaultTerms {
  const list = (words: readonly string[] | undefined) => [...new Set(words ?? [])].sort();
  return {
    agents: list(given.agents),
    jobs: list(given.jobs ?? [ANYONE]),
    users: list(given.users ?? [ANYONE]),
    hosts: list(given.hosts?.map((host) => host.toLowerCase())),
    programs: list(given.programs),
    header: given.kind === 'api_key' ? (given.header ?? 'x-api-key').toLowerCase() : (given.header ?? null),
    oauth: given.oauth ?? null,
    expires_at: given.expires_at ?? null,
  };
}

/** What is wrong with an entry's terms, in a sentence. */
export function problemOf(name: string, kind: VaultKind, terms: VaultTerms): string | undefined {
  if (!NAME.test(name)) return 'A name has 1 to 63 lower-case letters, digits and inner hyphens.';
  const { agents, jobs, users, hosts, programs, header, oauth } = terms;
  for (const [what, words] of Object.entries({ agents, jobs, users, programs })) {
    if (words.length > LIST_MAX || !words.every((word) => WORD.test(word))) return `There is a wrong word in ${what}.`;
  }
  if (agents.length === 0 || jobs.length === 0 || users.length === 0)
    return 'Say which agents it serves (* for all), and jobs and users where not all.';
  if (hosts.length > LIST_MAX || !hosts.every((host) => HOST.test(host)))
    return 'A host is HOST or HOST:PORT, as in the address of the upstream.';
  if (hosts.length + programs.length === 0) return 'Say where it may go: hosts, or upstreams that are programs.';
  return headerProblem(kind, header) ?? oauthProblem(kind, oauth) ?? placeProblem(kind, terms);
}

function headerProblem(kind: VaultKind, header: string | null): string | undefined {
  if (kind !== 'api_key') return header === null ? undefined : 'Only an api_key has a header of its own.';
  return header !== null && isField(header) ? undefined : 'This is not the name of a header that an entry may set.';
}

function oauthProblem(kind: VaultKind, oauth: VaultTerms['oauth']): string | undefined {
  if (kind !== 'oauth_refresh' && kind !== 'connection')
    return oauth === null ? undefined : 'Only an oauth_refresh has a token endpoint.';
  if (oauth === null) return 'An oauth_refresh needs its token endpoint and client id.';
  const url = URL.parse(oauth.token_endpoint);
  const plain = url !== null && /^https?:$/.test(url.protocol) && url.username === '' && url.password === '';
  return plain && url.hash === '' ? undefined : 'The token endpoint is an http or https address.';
}

function placeProblem(kind: VaultKind, { hosts, programs }: VaultTerms): string | undefined {
  if (kind === 'header_set' && programs.length > 0) return 'A header_set has no value for a variable of a program.';
  if (kind === 'database_password' && hosts.length > 0) return 'A database_password goes to programs only.';
  return undefined;
}

export function servesRun({ agents, jobs, users }: VaultTerms, { agent, job, subject }: Run): boolean {
  return serves(agents, agent) && serves(jobs, job) && serves(users, subject?.name, subject?.id);
}

function serves(words: readonly string[], ...names: (string | undefined)[]): boolean {
  return words.some((word) => word === ANYONE || names.includes(word));
}

/** A host without a port is the scheme's own. */
export function mayGo({ hosts, programs }: VaultTerms, { to, server }: Pick<VaultUse, 'to' | 'server'>): boolean {
  if (to.kind === 'child') return programs.includes(server);
  const url = URL.parse(to.url);
  return url !== null && hosts.includes(url.host);
}
