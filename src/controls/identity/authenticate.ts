import { hash } from 'node:crypto';
import type { Presented } from '../../core/exchange.ts';
import type { Caller, Credential, ProofClaim } from '../../core/principal.ts';
import { isRefusal, type Refusal, refuse } from '../../core/refusal.ts';
import { type AccessToken, audienceCovers, type TokenReader } from './access-token.ts';
import type { BearerReader } from './bearer.ts';
import type { Chain, Chains } from './delegation/chain.ts';
import type { Federation } from './federation/federation.ts';
import { decodeSegment } from './jws.ts';
import type { ProofReader } from './proof.ts';
import type { SvidReader } from './spiffe/svid-reader.ts';
import type { AgentStanding, Standing } from './standing.ts';
import { standingRefusal } from './stops.ts';

/** Scheme, one space, token68 (RFC 9110, section 11.4). Long enough for a token, short enough to scan. */
const AUTHORIZATION = /^(bearer|dpop) ([A-Za-z0-9._~+/-]+=*)$/i;
const SCHEME = /^(?:bearer|dpop)(?: |$)/i;
const AUTHORIZATION_CHARS_MAX = 8_300;
const BEARER_SECRET = /^sp_/;

export type AuthenticateParts = {
  standing: Standing;
  tokens: TokenReader;
  proofs: ProofReader;
  bearers: BearerReader;
  chains: Chains;
  federation: Federation;
  /** Where the gateway has a trust domain. */
  svids: SvidReader | undefined;
};

type Authenticated = Caller | Refusal | Promise<Caller | Refusal>;

/**
 * `check identity`. From cheap to dear: shape, size and times, then keys that we know, then at most one signature for a
 * token not seen before and one for the proof. The stop list is asked last, when it is known who is asking, and again by
 * enforcement whenever it changes.
 */
export function openAuthenticate(parts: AuthenticateParts): (p: Presented) => Authenticated {
  return (presented) => {
    const { authorization } = presented;
    if (authorization === undefined) return certified(presented, parts);
    const found = authorization.length > AUTHORIZATION_CHARS_MAX ? null : AUTHORIZATION.exec(authorization);
    if (found === null) return unreadable(authorization);
    const token = found[2]!;
    const scheme = found[1]!.toLowerCase();
    if (BEARER_SECRET.test(token)) {
      if (scheme === 'bearer') return parts.bearers.read(token);
      return refuse('credential_malformed', 'a bearer token is sent as Bearer: it is bound to no key');
    }
    if (parts.federation.issued(token)) return parts.federation.authenticate(token, scheme, presented);
    return scheme === 'dpop' ? proven(token, presented, parts) : unproven(token, presented, parts);
  };
}

function unreadable(authorization: string): Refusal {
  return SCHEME.test(authorization)
    ? refuse('credential_malformed', 'the Authorization header is not one scheme and one token of bounded size')
    : refuse('credential_wrong_scheme', 'the Authorization header is neither DPoP nor Bearer');
}

/** A client certificate alone: an SVID says who holds it, and so which agent and job. */
function certified({ peer_certificate }: Presented, { svids }: AuthenticateParts): Authenticated {
  if (peer_certificate === undefined) return refuse('credential_missing', 'no Authorization header, no certificate');
  return (
    svids?.peer(peer_certificate) ?? refuse('credential_missing', 'certificates say nothing: there is no trust domain')
  );
}

/**
 * Without a proof beside it: a token bound to this connection's certificate (RFC 8705, section 3); a JWT-SVID; or one of a
 * person's consent to a client that can do no better, which policy sees as what it is. RFC 9449, section 7.2: one bound to a
 * key would, as Bearer, be a stolen token that works.
 */
function unproven(token: string, presented: Presented, parts: AuthenticateParts): Authenticated {
  if (parts.svids !== undefined && !isOurs(token)) return parts.svids.jwt(token);
  const read = parts.tokens.read(token, hash('sha256', token, 'base64url'));
  if (isRefusal(read)) return read;
  const { bound, jti } = read;
  if (bound.kind === 'dpop') return refuse('token_needs_proof', `token ${jti} is bound to a key and came as Bearer`);
  if (bound.kind === 'mtls' && presented.peer_certificate?.thumbprint !== bound.x5t) {
    return refuse('token_wrong_certificate', `token ${jti} is bound to certificate ${bound.x5t}`);
  }
  return misdirected(read, presented) ?? callerOf(read, undefined, parts);
}

/** RFC 9068, section 2.1; a JWT-SVID may not have this type. Read again, with its signature, by whoever answers for it. */
function isOurs(token: string): boolean {
  return decodeSegment(token.slice(0, Math.max(0, token.indexOf('.'))))?.typ === 'at+jwt';
}

function misdirected(token: AccessToken, presented: Presented): Refusal | undefined {
  const path = pathOf(presented.path);
  if (audienceCovers(token, path)) return undefined;
  return refuse('token_wrong_resource', `token ${token.jti} is for ${token.audience_path}, not for ${path}`);
}

function proven(token: string, presented: Presented, parts: AuthenticateParts): Authenticated {
  const { proofs } = presented;
  if (proofs.length === 0) return refuse('proof_missing', 'no DPoP header beside a DPoP token');
  // RFC 9449, section 4.3, item 1. A second header could be the one that another server reads.
  if (proofs.length > 1) return refuse('proof_repeated', 'more than one DPoP header');
  const ath = hash('sha256', token, 'base64url');
  const read = parts.tokens.read(token, ath);
  if (isRefusal(read)) return read;
  const { bound } = read;
  if (bound.kind === 'mtls') {
    return refuse('token_wrong_certificate', `token ${read.jti} is bound to a certificate and came as DPoP`);
  }
  if (bound.kind === 'bearer') {
    return refuse('token_not_bound', `token ${read.jti} is bound to no key and came as DPoP`);
  }
  const refusal = misdirected(read, presented);
  if (refusal !== undefined) return refusal;
  const expected = { method: presented.method, path: pathOf(presented.path), ath, jkt: bound.jkt };
  const proof = parts.proofs.read(proofs[0]!, expected);
  if (proof instanceof Promise) return proof.then((settled) => callerOf(read, settled, parts));
  return callerOf(read, proof, parts);
}

/** Also without a proof, where the token's client has authenticated beside it. */
export function callerOf(
  token: AccessToken,
  proof: ProofClaim | Refusal | undefined,
  parts: AuthenticateParts,
): Caller | Refusal | Promise<Caller | Refusal> {
  if (isRefusal(proof)) return proof;
  const chain = token.grant === null ? undefined : parts.chains.of(token.grant);
  if (chain instanceof Promise) return chain.then((settled) => callerBy(token, proof, settled, parts));
  return callerBy(token, proof, chain, parts);
}

function callerBy(
  token: AccessToken,
  proof: ProofClaim | undefined,
  chain: Chain | Refusal | undefined,
  { standing }: AuthenticateParts,
): Caller | Refusal {
  if (isRefusal(chain)) return chain;
  const agent = agentOf(token, standing);
  if (isRefusal(agent)) return agent;
  const stripped = actProblem(token, chain);
  if (stripped !== undefined) return stripped;
  const caller: Caller = {
    principal: { type: 'Agent', id: token.agent },
    agent: agent.entry,
    generation: agent.generation,
    credential: credentialOf(token),
    token: token.jti,
    run: token.run,
    subject: token.subject,
    chain: chain?.links ?? [],
    proof,
  };
  return standingRefusal(standing, caller) ?? caller;
}

/** A token tells the chain that its run stands on, all of it and nothing else. Whom it leaves out could not be stopped. */
function actProblem(token: AccessToken, chain: Chain | undefined): Refusal | undefined {
  const last = chain?.links.at(-1);
  const own = token.subject === null ? null : JSON.stringify({ sub: token.agent });
  const holds =
    chain === undefined || last === undefined
      ? token.act === own
      : token.act === chain.act &&
        token.subject === chain.subject &&
        last.actor === token.agent &&
        last.run === token.run;
  if (holds) return undefined;
  if (token.act === null) {
    return refuse('delegation_act_missing', `token ${token.jti} does not say that ${token.agent} acts for another`);
  }
  return refuse('delegation_act_wrong', `token ${token.jti} tells another chain than its run has`);
}

function credentialOf({ bound, jti }: AccessToken): Credential {
  if (bound.kind === 'dpop') return { kind: 'dpop', thumbprint: bound.jkt };
  return bound.kind === 'mtls' ? { kind: 'mtls', thumbprint: bound.x5t } : { kind: 'bearer', thumbprint: jti };
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
