import type { ChainLink } from '../../../core/principal.ts';
import { isRefusal, type Refusal, refuse } from '../../../core/refusal.ts';
import { type Scope, WHOLE_SCOPE, widening } from '../../../core/scope.ts';
import type { Database } from '../../../storage/index.ts';
import { BoundedMap } from '../bounded-map.ts';
import { type Hop, type HopReader, hopDigest, readHop, scopeDigest } from './hop.ts';
import { loadHop, type StoredHop } from './store.ts';

/** A delegation that was verified whole, from its first hop to its last. */
export type Chain = {
  /** The last hop. */
  grant: string;
  subject: string | null;
  links: readonly ChainLink[];
  scopes: readonly Scope[];
  depth: number;
  /** What tokens of it say: `sub`, and the nested `act` as JSON. */
  sub: string;
  act: string;
  expires_at: number;
};

export type ChainParts = HopReader & { db: Database; now: () => number; depthMax: () => number };

/** A user, an agent and two more behind it. */
export const DEPTH_MAX_USUAL = 3;
const CHAINS_CACHED_MAX = 10_000;
/** So many rows are read of one chain at most, whatever they say of each other. */
const HOPS_READ_MAX = 32;

/**
 * Chains by their last hop, verified on each use and kept until something changes. Only the outermost actor and the
 * subject count for decisions (RFC 8693, section 4.1); the others are there to be stopped, to narrow, and to be told.
 */
export class Chains {
  readonly #parts: ChainParts;
  readonly #known = new BoundedMap<string, Chain>(CHAINS_CACHED_MAX);
  /** Counts `forget`, so that a reading which began before a change is not kept after it. */
  #readings = 0;

  constructor(parts: ChainParts) {
    this.#parts = parts;
  }

  of(grant: string): Chain | Refusal | Promise<Chain | Refusal> {
    const known = this.#known.get(grant);
    if (known === undefined) return this.#read(grant);
    if (known.expires_at > this.#parts.now()) return known;
    this.#known.delete(grant);
    return refuse('delegation_unknown', `delegation ${grant} has expired`);
  }

  forget(): void {
    this.#readings += 1;
    this.#known.clear();
  }

  async #read(grant: string): Promise<Chain | Refusal> {
    const reading = this.#readings;
    const stored: StoredHop[] = [];
    for (let next: string | null = grant; next !== null && stored.length < HOPS_READ_MAX; ) {
      const hop: StoredHop | undefined = await loadHop(this.#parts.db, next);
      if (hop === undefined) break;
      stored.push(hop);
      next = hop.parent;
    }
    const chain = verifyChain(grant, stored, this.#parts);
    // Before it is redeemed its last link has no run; it is asked for once.
    const isKept = !isRefusal(chain) && chain.links.at(-1)!.run !== '' && reading === this.#readings;
    if (isKept) this.#known.set(grant, chain);
    return chain;
  }
}

export type Verified = { hop: Hop; stored: StoredHop };

/** `stored` goes from the last hop to the first. */
export function verifyChain(
  grant: string,
  stored: readonly StoredHop[],
  parts: HopReader & { now: () => number; depthMax: () => number },
): Chain | Refusal {
  const hops: Verified[] = [];
  for (const row of stored) {
    const hop = readHop(row.signed, parts);
    if (isRefusal(hop)) return hop;
    if (hop.id !== row.id || (hop.parent?.id ?? null) !== row.parent || hop.actor !== row.actor) {
      return refuse('delegation_forged', `delegation ${row.id} is kept under another name than it was signed with`);
    }
    hops.unshift({ hop, stored: row });
  }
  const last = hops.at(-1);
  if (last === undefined) return refuse('delegation_unknown', `there is no delegation ${grant}`);
  const problem = problemOf(hops, parts);
  return problem ?? chainOf(hops, last.hop);
}

function problemOf(
  hops: readonly Verified[],
  { now, depthMax }: { now: () => number; depthMax: () => number },
): Refusal | undefined {
  for (const [at, { hop }] of hops.entries()) {
    const refusal = linkProblem(hop, hops[at - 1]);
    if (refusal !== undefined) return refusal;
    if (hop.depth > depthMax()) return refuse('delegation_too_deep', `delegation ${hop.id} is hop ${hop.depth}`);
    if (hop.expires_at <= now()) {
      const code = at === hops.length - 1 ? 'delegation_unknown' : 'delegation_cut';
      return refuse(code, `delegation ${hop.id} has expired`);
    }
  }
  return undefined;
}

/** A hop against the one before it: what it claims to continue, and what it may not exceed. */
function linkProblem(hop: Hop, before: Verified | undefined): Refusal | undefined {
  const { parent, lender, id } = hop;
  if (parent === null) {
    if (before !== undefined || hop.depth !== 1)
      return refuse('delegation_forged', `delegation ${id} is not a first hop`);
    return lender.kind === 'user' && hop.subject === null
      ? refuse('delegation_forged', `delegation ${id} is of a user that it does not name`)
      : undefined;
  }
  if (before === undefined)
    return refuse('delegation_cut', `delegation ${parent.id}, which ${id} continues, is missing`);
  if (parent.id !== before.hop.id || parent.digest !== hopDigest(before.stored.signed)) {
    return refuse('delegation_forged', `delegation ${id} continues another ${parent.id} than there is`);
  }
  const isLenders =
    lender.kind === 'agent' &&
    lender.id === before.hop.actor &&
    lender.generation === before.hop.generation &&
    lender.run === before.stored.run;
  if (!isLenders || hop.subject !== before.hop.subject || hop.depth !== before.hop.depth + 1) {
    return refuse('delegation_forged', `delegation ${id} was not lent by the actor of ${parent.id}`);
  }
  const wide = widening(hop.scope, before.hop.scope) ?? timeWidening(hop.expires_at, before.hop.expires_at);
  return wide === undefined ? undefined : refuse('delegation_widens', `delegation ${id} lends more: ${wide}`);
}

export function timeWidening(inner: number, outer: number): string | undefined {
  return inner > outer ? 'time' : undefined;
}

/** The hops, and before them the agent that a chain begins with in nobody's name. */
export function linksOf(hops: readonly Verified[]): ChainLink[] {
  const links = hops.map(
    ({ hop, stored }): ChainLink => ({
      actor: hop.actor,
      generation: hop.generation,
      run: stored.run ?? '',
      grant: hop.id,
      scope_digest: scopeDigest(hop.scope),
      expires_at: hop.expires_at,
    }),
  );
  const first = hops[0]?.hop;
  if (first?.lender.kind !== 'agent') return links;
  const { id: actor, generation, run } = first.lender;
  const scope_digest = scopeDigest(WHOLE_SCOPE);
  return [{ actor, generation, run, grant: null, scope_digest, expires_at: first.expires_at }, ...links];
}

function chainOf(hops: readonly Verified[], last: Hop): Chain {
  const links = linksOf(hops);
  const actors = hops.map(({ hop }) => hop.actor);
  // In nobody's name the first agent is the subject; in a user's it is the first actor.
  if (links[0]!.grant === null && last.subject !== null) actors.unshift(links[0]!.actor);
  return {
    grant: last.id,
    subject: last.subject,
    links,
    scopes: hops.map(({ hop }) => hop.scope),
    depth: last.depth,
    sub: last.subject ?? links[0]!.actor,
    act: JSON.stringify(actOf(actors)),
    expires_at: Math.min(...hops.map(({ hop }) => hop.expires_at)),
  };
}

export type Act = { sub: string; act?: Act };

/** The outermost is who acts now; within it stand those before (RFC 8693, section 4.1). */
export function actOf(actors: readonly string[]): Act | null {
  return actors.reduce<Act | null>((act, sub) => (act === null ? { sub } : { sub, act }), null);
}
