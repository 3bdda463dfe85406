import { createHash } from 'node:crypto';
import type { PolicySet } from '../policy-set.ts';

/**
 * What decides at one moment: the active set, the canary for its share of the agents, and the temporary privilege that
 * stands open. Never changed, only replaced whole: whoever holds it decides by one version, however long they take.
 */
export type Rules = {
  readonly active: PolicySet;
  readonly canary: Canary | undefined;
  readonly grants: readonly OpenGrant[];
  /** The set that decides for this agent, with what was given to it for a while beside it. */
  setFor(agent: string): PolicySet;
  /** When the first grant ends, by the database's clock; infinity where none is open. */
  readonly until: number;
};

export type Canary = {
  readonly set: PolicySet;
  /** Of a million agents. */
  readonly share_ppm: number;
};

export type OpenGrant = {
  /** `grant:<id>`, its one policy's. */
  readonly policy: string;
  readonly agent: string;
  readonly expires_at: number;
  readonly set: PolicySet;
};

/** Sets that were put together for agents are kept up to a bound; beyond it they are made anew. */
const AGENTS_MAX = 10_000;

export function createRules(active: PolicySet, canary?: Canary, grants: readonly OpenGrant[] = []): Rules {
  const made = new Map<string, PolicySet>();
  return {
    active,
    canary,
    grants,
    until: Math.min(Number.POSITIVE_INFINITY, ...grants.map(({ expires_at }) => expires_at)),
    setFor: (agent) => {
      if (canary === undefined && grants.length === 0) return active;
      let set = made.get(agent);
      if (set === undefined) {
        if (made.size >= AGENTS_MAX) made.clear();
        const base = canary !== undefined && isInShare(canary, agent) ? canary.set : active;
        set = beside(
          base,
          grants.filter((grant) => grant.agent === agent),
        );
        made.set(agent, set);
      }
      return set;
    },
  };
}

/** The same without what has ended by now. */
export function withoutEnded({ active, canary, grants }: Rules, now: number): Rules {
  return createRules(
    active,
    canary,
    grants.filter(({ expires_at }) => expires_at > now),
  );
}

/**
 * By a hash of the agent's id and the set's digest: the same agents on every replica and after every restart, more of them
 * as the share grows, and others for the next canary.
 */
function isInShare({ set, share_ppm }: Canary, agent: string): boolean {
  const hash = createHash('sha256').update(`${set.digest}\u0000${agent}`).digest();
  return hash.readUInt32BE(0) / 2 ** 32 < share_ppm / 1_000_000;
}

/** Policies of several sets, decided together under the first one's name. A forbid of any of them forbids. */
export function beside(set: PolicySet, grants: readonly OpenGrant[]): PolicySet {
  if (grants.length === 0) return set;
  const all = [set, ...grants.map((grant) => grant.set)];
  return {
    digest: set.digest,
    text: set.text,
    policies: all.flatMap(({ policies }) => policies),
    evaluate: (environment, unmapped) => all.flatMap((one) => one.evaluate(environment, unmapped)),
    evaluateByReference: (environment, unmapped) =>
      all.flatMap((one) => one.evaluateByReference(environment, unmapped)),
    evaluateListed: (environment, memory) => all.flatMap((one) => one.evaluateListed(environment, memory)),
    get released() {
      return all.some(({ released }) => released);
    },
    // Its parts are released where they are replaced.
    release: () => {},
  };
}
