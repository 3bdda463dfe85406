import { InvalidRequest } from 'oidc-provider/lib/helpers/errors.js';
import type { Database } from '../../storage/index.ts';
import { ALGORITHMS, algorithmsOf } from './jwk.ts';
import type { Standing } from './standing.ts';
import { holdsAssertion, insertAssertion } from './store/claims.ts';

/** What oidc-provider asks of its storage (its documented adapter interface). */
export interface OidcAdapter {
  find(id: string): Promise<Record<string, unknown> | undefined>;
  upsert(id: string, payload: Record<string, unknown>, expires_in_s: number): Promise<void>;
}

export type AdapterParts = { db: Database; standing: Standing; now: () => number };

/**
 * Two models only: clients are the agents' registry, and used assertions and proofs are claims beside those of requests.
 * Tokens are self-contained, and sessions, codes and grants do not exist here.
 */
export function adapterFor(model: string, parts: AdapterParts): OidcAdapter {
  switch (model) {
    case 'Client':
      return clients(parts);
    case 'ReplayDetection':
      return replays(parts);
    default:
      return { find: async () => undefined, upsert: () => Promise.reject(new Error(`${model} is not stored here`)) };
  }
}

function clients({ standing }: AdapterParts): OidcAdapter {
  return {
    async find(id) {
      const agent = standing.agents.get(id);
      if (agent === undefined) return undefined;
      return {
        client_id: id,
        grant_types: ['client_credentials'],
        response_types: [],
        redirect_uris: [],
        // No id token is ever issued; oidc-provider wants to know all the same.
        id_token_signed_response_alg: 'ES256',
        token_endpoint_auth_method: 'private_key_jwt',
        dpop_bound_access_tokens: true,
        // One entry for each name of the algorithm: a signature may call Ed25519 either.
        jwks: { keys: algorithmsOf(agent.public_key).map((alg) => ({ ...agent.public_key, alg, use: 'sig' })) },
      };
    },
    upsert: () => Promise.reject(new Error('agents are registered by people, not by clients')),
  };
}

function replays({ db, now }: AdapterParts): OidcAdapter {
  return {
    async find(id) {
      return (await holdsAssertion(db, id)) ? { jti: id } : undefined;
    },
    /** oidc-provider looks and then stores, which two requests at once pass together; the unique index lets one through. */
    async upsert(id, _payload, expires_in_s) {
      const first = await insertAssertion(db, { claim: id, expires_at: now() + expires_in_s * 1000 });
      if (!first) throw new InvalidRequest('this assertion or proof was used before');
    },
  };
}

export const SIGNING_ALGORITHMS: readonly string[] = ALGORITHMS;
