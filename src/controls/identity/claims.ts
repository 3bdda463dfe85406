import { hash } from 'node:crypto';
import type { ProofClaim } from '../../core/principal.ts';
import type { Transaction } from '../../storage/index.ts';
import { type Claim, insertProofs } from './store/claims.ts';

/**
 * RFC 9449, section 11.1: a proof counts once, on all replicas and across restarts, because a unique index says so in the
 * transaction of the intent. Two claims of one proof within one batch: the first has it.
 */
export async function claimProofs(tx: Transaction, claims: readonly ProofClaim[]): Promise<boolean[]> {
  const keyed = claims.map(claimOf);
  const won = await insertProofs(tx, keyed);
  return keyed.map(({ claim }) => won.delete(claim));
}

/**
 * 128 bits of a hash: `jti` is the client's to choose, and its length is not worth keeping. `expires_at` comes from the
 * proof's signed `iat`, so a replayed proof has the same; the holder of the key alone can make another of the same `jti`.
 */
function claimOf({ jkt, jti, expires_at }: ProofClaim): Claim {
  return { claim: hash('sha256', `${jkt}.${jti}`, 'base64url').slice(0, 22), expires_at };
}
