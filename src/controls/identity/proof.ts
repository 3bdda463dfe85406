import type { KeyObject } from 'node:crypto';
import type { Random } from '../../core/clock.ts';
import type { JsonObject } from '../../core/json.ts';
import type { ProofClaim } from '../../core/principal.ts';
import { type Refusal, refuse } from '../../core/refusal.ts';
import type { Nonces } from './authorization/nonces.ts';
import { BoundedMap } from './bounded-map.ts';
import {
  type Algorithm,
  algorithmsOf,
  keyObjectOf,
  readPublicJwk,
  signatureHolds,
  signatureHoldsOnThread,
  thumbprintOf,
} from './jwk.ts';
import { decodeSegment, splitJws } from './jws.ts';
import { type Mark, ReplayWindow } from './replay-window.ts';

export const PROOF_CHARS_MAX = 2_048;
/** How long after its making a proof counts, and how far in the future it may have been made. */
export const PROOF_MS_MAX = 60_000;
export const PROOF_MS_AHEAD = 15_000;
/** A UUID has 36 characters. */
const JTI_CHARS_MAX = 128;
const HEADERS_CACHED_MAX = 10_000;

/**
 * What a proof must be about. `ath` is the SHA-256 of the token, `jkt` the key that the token is bound to; where a token is
 * asked for there is neither yet, and any key may be proven.
 */
export type Expected = { method: string; path: string; ath: string | undefined; jkt: string | undefined };

export type ProofReaderParts = {
  issuer: string;
  random: Random;
  now: () => number;
  signatures: 'on threads' | 'inline';
  /** Whether proofs carry a nonce of ours (RFC 9449, section 9), and which. */
  nonces: { policy: () => 'off' | 'offered' | 'required'; known: Nonces };
};

export interface ProofReader {
  /** Counts the proof as used on this replica; the intent's transaction claims it for good. */
  read(proof: string, expected: Expected): ProofClaim | Refusal | Promise<ProofClaim | Refusal>;
}

/** All proofs of one key have the same header, so its parsing and the key's import are done once. */
type ProofHeader = { jkt: string; algorithm: Algorithm; key: KeyObject };

/**
 * DPoP proofs (RFC 9449, section 4.3). Everything that can be refused without a signature check is; what is remembered
 * (headers, used proofs) is remembered only after the signature held and the key was the token's, so strangers fill nothing.
 */
export function openProofReader({ issuer, random, now, signatures, nonces }: ProofReaderParts): ProofReader {
  const headers = new BoundedMap<string, ProofHeader>(HEADERS_CACHED_MAX);
  const used = new ReplayWindow(random);
  const verified = (
    holds: boolean,
    segment: string,
    header: ProofHeader,
    claims: ProofClaims,
    mark: Mark,
  ): ProofClaim | Refusal => {
    if (!holds) return refuse('proof_invalid', 'the signature of the DPoP proof does not verify');
    headers.set(segment, header);
    // Asked again: the same proof may have been verified beside this one.
    if (!used.add(mark)) return replayed(claims.jti);
    return { jkt: header.jkt, jti: claims.jti, expires_at: claims.made + PROOF_MS_MAX };
  };
  return {
    read(proof, expected) {
      const jws = splitJws(proof, PROOF_CHARS_MAX);
      if (jws === undefined) return refuse('proof_malformed', 'the DPoP proof is not a compact JWS of bounded size');
      const header = headers.get(jws.header) ?? readHeader(jws.header);
      if ('kind' in header) return header;
      if (expected.jkt !== undefined && header.jkt !== expected.jkt) {
        return refuse('proof_wrong_key', `the proof is by key ${header.jkt}, the token is bound to ${expected.jkt}`);
      }
      const claims = readClaims(jws.payload);
      if ('kind' in claims) return claims;
      const refusal = checkClaims(claims, expected, issuer, now()) ?? checkNonce(claims.nonce, nonces);
      if (refusal !== undefined) return refusal;
      const mark = used.markOf(header.jkt, claims.jti);
      if (used.seen(mark)) return replayed(claims.jti);
      const { algorithm, key } = header;
      if (signatures === 'inline') {
        return verified(signatureHolds(algorithm, key, jws.signed, jws.signature), jws.header, header, claims, mark);
      }
      return signatureHoldsOnThread(algorithm, key, jws.signed, jws.signature).then((holds) =>
        verified(holds, jws.header, header, claims, mark),
      );
    },
  };
}

function replayed(jti: string): Refusal {
  return refuse('proof_replayed', `the DPoP proof ${jti} was used before (RFC 9449, section 11.1)`);
}

function readHeader(segment: string): ProofHeader | Refusal {
  const header = decodeSegment(segment);
  if (header === undefined) return refuse('proof_malformed', 'the header of the DPoP proof is not a JSON object');
  if (header.typ !== 'dpop+jwt') return refuse('proof_wrong_type', 'the typ of a DPoP proof is dpop+jwt');
  if (header.crit !== undefined) return refuse('proof_critical', 'the DPoP proof has a critical header we do not know');
  const jwk = readPublicJwk(header.jwk);
  if ('problem' in jwk)
    return refuse(jwk.private ? 'proof_key_private' : 'proof_key_invalid', `the jwk of the DPoP proof: ${jwk.problem}`);
  // RFC 8725, section 3.1: an algorithm that fits the key, so neither `none` nor an HMAC over a public key.
  const algorithm = algorithmsOf(jwk).find((name) => name === header.alg);
  if (algorithm === undefined) return refuse('proof_wrong_algorithm', 'the alg of the DPoP proof does not fit its key');
  const key = keyObjectOf(jwk);
  if (key === undefined) return refuse('proof_key_invalid', 'the jwk of the DPoP proof is not a point on its curve');
  return { jkt: thumbprintOf(jwk), algorithm, key };
}

type ProofClaims = { jti: string; htm: string; htu: string; made: number; ath: string | undefined; nonce: unknown };

function readClaims(segment: string): ProofClaims | Refusal {
  const claims: JsonObject | undefined = decodeSegment(segment);
  if (claims === undefined) return refuse('proof_malformed', 'the claims of the DPoP proof are not a JSON object');
  const { jti, htm, htu, iat, ath, nonce } = claims;
  if (typeof jti !== 'string' || jti.length === 0 || jti.length > JTI_CHARS_MAX) {
    return refuse('proof_incomplete', `the jti of a DPoP proof has 1 to ${JTI_CHARS_MAX} characters`);
  }
  if (typeof htm !== 'string' || typeof htu !== 'string' || typeof iat !== 'number') {
    return refuse('proof_incomplete', 'a DPoP proof has htm, htu and iat (RFC 9449, section 4.2)');
  }
  // A NumericDate may have a fraction (RFC 7519, section 2).
  const made = Math.floor(iat * 1000);
  if (!Number.isSafeInteger(made)) return refuse('proof_incomplete', 'the iat of the DPoP proof is not a time');
  return { jti, htm, htu, made, ath: typeof ath === 'string' ? ath : undefined, nonce };
}

function checkClaims(claims: ProofClaims, expected: Expected, issuer: string, now: number): Refusal | undefined {
  if (claims.htm !== expected.method) {
    return refuse('proof_wrong_method', `the proof is for the method ${claims.htm}`);
  }
  if (!sameAddress(claims.htu, issuer + expected.path)) {
    return refuse('proof_wrong_address', `the proof is for another address than ${issuer}${expected.path}`);
  }
  if (claims.ath === undefined && expected.ath !== undefined) {
    return refuse('proof_token_missing', 'the proof carries no hash of its token (RFC 9449, section 4.2)');
  }
  if (claims.ath !== expected.ath) {
    return refuse('proof_wrong_token', 'the ath of the proof is not the hash of the token that came with it');
  }
  const { made } = claims;
  if (made + PROOF_MS_MAX <= now) return refuse('proof_expired', `the proof was made ${now - made} ms ago`);
  if (made > now + PROOF_MS_AHEAD) return refuse('proof_from_future', `the proof is ${made - now} ms from the future`);
  return undefined;
}

/** A nonce says that the proof was made lately, by whoever holds the key now: one made ahead and stolen has none. */
function checkNonce(nonce: unknown, { policy, known }: ProofReaderParts['nonces']): Refusal | undefined {
  const asked = policy();
  if (asked === 'off') return undefined;
  if (nonce === undefined) {
    return asked === 'required' ? refuse('proof_nonce_missing', 'the proof carries no nonce') : undefined;
  }
  if (typeof nonce === 'string' && known.accepts(nonce)) return undefined;
  return refuse('proof_nonce_stale', 'the nonce of the proof is not one of the last minutes');
}

/** RFC 9449, section 4.3, item 9: query and fragment are ignored, spelling of scheme, host and default port normalised. */
function sameAddress(htu: string, expected: string): boolean {
  if (htu === expected) return true;
  const [asked, known] = [URL.parse(htu), URL.parse(expected)];
  if (asked === null || known === null || asked.username !== '' || asked.password !== '') return false;
  return asked.origin === known.origin && asked.pathname === known.pathname;
}
