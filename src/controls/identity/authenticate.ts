import { hash } from 'node:crypto';
import type { Presented } from '../../core/exchange.ts';
import type { Caller, ProofClaim } from '../../core/principal.ts';
import { isRefusal, type Refusal, refuse } from '../../core/refusal.ts';
import { type AccessToken, audienceCovers, type TokenReader } from './access-token.ts';
import type { BearerReader } from './bearer.ts';
import type { ProofReader } from './proof.ts';
import type { AgentStanding, Standing } from './standing.ts';
import { standingRefusal } from './stops.ts';

/** Scheme, one space, token68 (RFC 9110, section 11.4). Long enough for a token, short enough to scan. */
const AUTHORIZATION = /^(bearer|dpop) ([A-Za-z0-9._~+/-]+=*)$/i;
const AUTHORIZATION_CHARS_MAX = 4_200;
const BEARER_SECRET = /^sp_/;

export type AuthenticateParts = {
  standing: Standing;
  tokens: TokenReader;
  proofs: ProofReader;
  bearers: BearerReader;
};

/**
 * `check identity`. From cheap to dear: shape, size and times, then keys that we know, then at most one signature for a
 * token not seen before and one for the proof. The stop list is asked last, when it is known who is asking, and again by
 * enforcement whenever it changes.
 */
export function openAuthenticate(
  parts: AuthenticateParts,
): (p: Presented) => Caller | Refusal | Promise<Caller | Refusal> {
  return (presented) => {
    const { authorization } = presented;
    if (authorization === undefined) return refuse('credential_missing', 'no Authorization header');
    const found = authorization.length > AUTHORIZATION_CHARS_MAX ? null : AUTHORIZATION.exec(authorization);
    if (found === null) return refuse('credential_malformed', 'the Authorization header is neither DPoP nor Bearer');
    const token = found[2]!;
    const scheme = found[1]!.toLowerCase();
    if (BEARER_SECRET.test(token)) {
      if (scheme === 'bearer') return parts.bearers.read(token);
      return refuse('credential_malformed', 'a bearer token is sent as Bearer: it is bound to no key');
    }
    return scheme === 'dpop' ? proven(token, presented, parts) : unproven(token, parts);
  };
}

/** RFC 9449, section 7.2: a bound token as Bearer would be a stolen token that works. */
function unproven(token: string, { tokens }: AuthenticateParts): Refusal {
  const read = tokens.read(token, hash('sha256', token, 'base64url'));
  return isRefusal(read) ? read : refuse('token_needs_proof', `token ${read.jti} is bound to a key and came as Bearer`);
}

function proven(
  token: string,
  presented: Presented,
  parts: AuthenticateParts,
): Caller | Refusal | Promise<Caller | Refusal> {
  const { proofs } = presented;
  if (proofs.length === 0) return refuse('token_needs_proof', 'no DPoP header beside a DPoP token');
  // RFC 9449, section 4.3, item 1. A second header could be the one that another server reads.
  if (proofs.length > 1) return refuse('proof_malformed', 'more than one DPoP header');
  const ath = hash('sha256', token, 'base64url');
  const read = parts.tokens.read(token, ath);
  if (isRefusal(read)) return read;
  const path = pathOf(presented.path);
  if (!audienceCovers(read, path)) {
    return refuse('token_wrong_audience', `token ${read.jti} is for ${read.audience_path}, not for ${path}`);
  }
  const expected = { method: presented.method, path, ath, jkt: read.jkt };
  const proof = parts.proofs.read(proofs[0]!, expected);
  if (proof instanceof Promise) return proof.then((settled) => callerOf(read, settled, parts));
  return callerOf(read, proof, parts);
}

function callerOf(token: AccessToken, proof: ProofClaim | Refusal, { standing }: AuthenticateParts): Caller | Refusal {
  if (isRefusal(proof)) return proof;
  const agent = agentOf(token, standing);
  if (isRefusal(agent)) return agent;
  const caller: Caller = {
    principal: { type: 'Agent', id: token.agent },
    agent: agent.entry,
    generation: agent.generation,
    credential: { kind: 'dpop', thumbprint: token.jkt },
    token: token.jti,
    run: token.run,
    proof,
  };
  return standingRefusal(standing, caller) ?? caller;
}

function agentOf(token: AccessToken, standing: Standing): AgentStanding | Refusal {
  const agent = standing.agents.get(token.agent);
  if (agent === undefined) return refuse('agent_unknown', `agent ${token.agent} is not registered`);
  if (agent.generation !== token.generation) {
    return refuse('token_revoked', `agent ${token.agent} was registered anew since token ${token.jti} was issued`);
  }
  return agent;
}

/** The query is no part of `htu` or of an audience. */
function pathOf(path: string): string {
  const query = path.indexOf('?');
  return query < 0 ? path : path.slice(0, query);
}
