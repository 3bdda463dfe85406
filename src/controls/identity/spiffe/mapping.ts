import { parseSpiffeId, type SpiffeId } from './spiffe-id.ts';

/** A rule of the configuration: which agent a SPIFFE ID is, and in which job. `id` may end in `/*`. */
export type MappingRule = { id: string; agent: string; job?: string | undefined };
export type Mapped = { agent: string; job: string | undefined };

const OWN = /^\/agent\/([A-Za-z0-9._-]+)(?:\/([A-Za-z0-9._-]+))?$/;

/** The SPIFFE ID of an agent of our own trust domain; with a job, one for that job alone. */
export function idOfAgent(trust_domain: string, { agent, job }: Mapped): string {
  return `spiffe://${trust_domain}/agent/${agent}${job === undefined ? '' : `/${job}`}`;
}

/** The first rule that fits; then, in our own trust domain alone, the ids that we issue. */
export function mapId(id: SpiffeId, rules: readonly MappingRule[], trust_domain: string): Mapped | undefined {
  const rule = rules.find((candidate) => covers(candidate.id, id));
  if (rule !== undefined) return { agent: rule.agent, job: rule.job };
  const own = id.trust_domain === trust_domain ? OWN.exec(id.path) : null;
  return own === null ? undefined : { agent: own[1]!, job: own[2] };
}

function covers(pattern: string, { text }: SpiffeId): boolean {
  return pattern.endsWith('/*') ? text.startsWith(pattern.slice(0, -1)) : text === pattern;
}

/** @returns why not, where a rule could never be meant. A whole trust domain is not one agent. */
export function ruleProblem({ id }: Pick<MappingRule, 'id'>): string | undefined {
  const named = parseSpiffeId(id.endsWith('/*') ? id.slice(0, -2) : id);
  return named === undefined || named.path === ''
    ? 'a SPIFFE ID with a path, or one that ends in /* after a path'
    : undefined;
}
