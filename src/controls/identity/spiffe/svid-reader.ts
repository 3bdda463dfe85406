import type { PeerCertificate } from '../../../core/peer-certificate.ts';
import type { Caller, CredentialKind } from '../../../core/principal.ts';
import { isRefusal, type Refusal, refuse } from '../../../core/refusal.ts';
import { BoundedMap } from '../bounded-map.ts';
import type { AgentStanding, Standing } from '../standing.ts';
import { standingRefusal } from '../stops.ts';
import type { Bundle } from './bundle.ts';
import type { HolderRuns } from './holder-runs.ts';
import { BACKDATED_MS } from './issue.ts';
import { jwtThumbprint, type VerifiedJwtSvid, verifyJwtSvid } from './jwt-svid.ts';
import { type MappingRule, mapId } from './mapping.ts';
import type { SpiffeId } from './spiffe-id.ts';
import { type VerifiedSvid, verifyX509Svid } from './verify-svid.ts';

const JWT_SVIDS_CACHED_MAX = 10_000;

export type SvidReaderParts = {
  standing: Standing;
  runs: HolderRuns;
  trust_domain: string;
  /** What a JWT-SVID for this gateway names as its audience. */
  audience: string;
  rules(): readonly MappingRule[];
  bundleOf(trust_domain: string): Bundle | undefined;
  /** Counts changes of any bundle. */
  version(): number;
  now(): number;
  /** Told of each refusal, for the operator. */
  refused(refusal: Refusal): void;
};

export interface SvidReader {
  /** The SPIFFE ID that this certificate proves, of an agent that is registered; opens no run. */
  identify(peer: PeerCertificate): SpiffeId | Refusal;
  /** Who holds this certificate, as an agent in a run of its job. */
  peer(peer: PeerCertificate): Caller | Refusal | Promise<Caller | Refusal>;
  /** The same of a JWT-SVID, for whoever sent it. */
  jwt(token: string): Caller | Refusal | Promise<Caller | Refusal>;
}

type Checked<T> = { version: number; svid: T | Refusal };
type Held = { id: SpiffeId; kind: CredentialKind; thumbprint: string; issued_at: number };

/**
 * Verified once for a connection, or once for a token, and again whenever a bundle changes; expiry, mapping, registration
 * and stops are asked at each request.
 */
export function openSvidReader(parts: SvidReaderParts): SvidReader {
  const peers = new WeakMap<PeerCertificate, Checked<VerifiedSvid>>();
  const tokens = new BoundedMap<string, Checked<VerifiedJwtSvid>>(JWT_SVIDS_CACHED_MAX);
  const told = <T>(result: T | Refusal): T | Refusal => {
    if (isRefusal(result)) parts.refused(result);
    return result;
  };
  const held = (peer: PeerCertificate): Held | Refusal => {
    const known = peers.get(peer);
    const checked = known?.version === parts.version() ? known : { version: parts.version(), svid: check(peer, parts) };
    peers.set(peer, checked);
    const { svid } = checked;
    if (isRefusal(svid)) return svid;
    const { id, thumbprint, not_before, not_after } = svid;
    return not_after <= parts.now()
      ? refuse('svid_expired', `the SVID of ${id.text} has expired`)
      : { id, kind: 'mtls', thumbprint, issued_at: not_before + BACKDATED_MS };
  };
  return {
    identify(peer) {
      const svid = held(peer);
      const entitled = isRefusal(svid) ? svid : agentOf(svid, parts);
      return isRefusal(entitled) ? told(entitled) : (svid as Held).id;
    },
    peer(peer) {
      const svid = held(peer);
      return isRefusal(svid) ? told(svid) : settle(callerOf(svid, parts), told);
    },
    jwt(token) {
      const thumbprint = jwtThumbprint(token);
      const known = tokens.get(thumbprint);
      const fresh = known?.version === parts.version();
      const svid = fresh
        ? known.svid
        : verifyJwtSvid(token, { audience: parts.audience, now: parts.now() }, parts.bundleOf);
      if (isRefusal(svid)) return told(svid);
      if (!fresh) tokens.set(thumbprint, { version: parts.version(), svid });
      const { id, not_after, claims, audience } = svid;
      if (not_after <= parts.now()) return told(refuse('svid_expired', `the JWT-SVID of ${id.text} has expired`));
      // One that is for others too could be sent here by each of them.
      if (audience.length !== 1)
        return told(refuse('token_wrong_audience', `the JWT-SVID of ${id.text} is not for us alone`));
      const issued_at = typeof claims.iat === 'number' ? claims.iat * 1000 + 999 : 0;
      return settle(callerOf({ id, kind: 'bearer', thumbprint, issued_at }, parts), told);
    },
  };
}

function settle(
  caller: Caller | Refusal | Promise<Caller | Refusal>,
  told: (caller: Caller | Refusal) => Caller | Refusal,
): Caller | Refusal | Promise<Caller | Refusal> {
  return caller instanceof Promise ? caller.then(told) : told(caller);
}

/** Two readers of the path, ours and OpenSSL's, and both must be content. */
function check(peer: PeerCertificate, { bundleOf, now }: SvidReaderParts): VerifiedSvid | Refusal {
  const svid = verifyX509Svid(peer.chain, (trust_domain) => bundleOf(trust_domain)?.authorities, now());
  if (isRefusal(svid) || peer.distrusted === undefined) return svid;
  return refuse('svid_untrusted', `${svid.id.text}: the TLS stack says ${peer.distrusted}`);
}

type Entitled = { agent: AgentStanding; job: string | undefined };

/** Whose it is: a rule, a registered agent, and the same registration that it was issued to. */
function agentOf({ id, issued_at }: Held, { standing, trust_domain, rules }: SvidReaderParts): Entitled | Refusal {
  const mapped = mapId(id, rules(), trust_domain);
  if (mapped === undefined) return refuse('svid_unmapped', `no rule maps ${id.text} to an agent`);
  const agent = standing.agents.get(mapped.agent);
  if (agent === undefined) return refuse('agent_unknown', `agent ${mapped.agent}, of ${id.text}, is not registered`);
  // A later agent of the same id inherits nothing: what our own domain issued before counts for the earlier one.
  if (id.trust_domain === trust_domain && issued_at < agent.added_at) {
    return refuse('token_revoked', `agent ${mapped.agent} was registered anew since the SVID was issued`);
  }
  return { agent, job: mapped.job ?? (agent.jobs.length === 1 ? agent.jobs[0] : undefined) };
}

function callerOf(held: Held, parts: SvidReaderParts): Caller | Refusal | Promise<Caller | Refusal> {
  const entitled = agentOf(held, parts);
  if (isRefusal(entitled)) return entitled;
  const { agent, job } = entitled;
  const { id } = held;
  if (job === undefined)
    return refuse('svid_unmapped', `agent ${agent.id} has several jobs, and ${id.text} names none`);
  if (!agent.jobs.includes(job)) return refuse('job_not_granted', `agent ${agent.id} is not registered for job ${job}`);
  // Who is stopped opens nothing.
  const stopped = inRun('', agent, held, parts);
  if (isRefusal(stopped)) return stopped;
  const run = parts.runs.of({ id: id.text, agent: agent.id, generation: agent.generation, job });
  if (!(run instanceof Promise)) return isRefusal(run) ? run : inRun(run, agent, held, parts);
  return run.then((opened) => (isRefusal(opened) ? opened : inRun(opened, agent, held, parts)));
}

function inRun(
  run: string,
  agent: AgentStanding,
  { kind, thumbprint }: Held,
  { standing }: SvidReaderParts,
): Caller | Refusal {
  const caller: Caller = {
    principal: { type: 'Agent', id: agent.id },
    agent: agent.entry,
    generation: agent.generation,
    credential: { kind, thumbprint },
    token: thumbprint,
    run,
    subject: null,
    chain: [],
    proof: undefined,
  };
  return standingRefusal(standing, caller) ?? caller;
}
