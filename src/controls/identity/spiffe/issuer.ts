import { createPublicKey, type KeyObject } from 'node:crypto';
import type { Random } from '../../../core/clock.ts';
import { isRefusal, type Refusal, refuse } from '../../../core/refusal.ts';
import type { Database } from '../../../storage/index.ts';
import { transact } from '../change.ts';
import type { RecordControl } from '../contract.ts';
import type { AgentStanding, Standing } from '../standing.ts';
import type { Time } from '../time.ts';
import type { Authorities } from './authorities.ts';
import { readCertificate } from './certificate.ts';
import { BACKDATED_MS, issueX509Svid } from './issue.ts';
import { issueJwtSvid, JWT_SVID_SECONDS, jwtThumbprint } from './jwt-svid.ts';
import { idOfAgent, type Mapped } from './mapping.ts';

export type IssuedSvid = {
  id: string;
  /** DER of the leaf; its authority signs it directly. */
  certificate: Buffer;
  thumbprint: string;
  issued_at: number;
  expires_at: number;
};

export type IssuerParts = {
  db: Database;
  standing: Standing;
  time: Time;
  random: Random;
  record: RecordControl;
  authorities: Authorities;
  trust_domain: string;
  svid_ms: number;
};

export interface Issuer {
  /** Whether this agent may hold an SVID now: registered, of that job, not stopped. */
  admits(to: Mapped): AgentStanding | Refusal;
  agent(to: Mapped, key: KeyObject): Promise<IssuedSvid | Refusal>;
  /** The gateway's own, which its listeners show. */
  gateway(key: KeyObject, hosts: readonly string[]): Promise<IssuedSvid | Refusal>;
  jwt(to: Mapped, audience: readonly string[]): Promise<{ id: string; svid: string } | Refusal>;
}

/** Issues SVIDs, each with its receipt, and none to an agent that is stopped. */
export function openIssuer(parts: IssuerParts): Issuer {
  const admits = (to: Mapped): AgentStanding | Refusal => admit(to, parts.standing);
  return {
    admits,
    async agent(to, key) {
      const agent = admits(to);
      return isRefusal(agent) ? agent : certify(idOfAgent(parts.trust_domain, to), key, [], parts);
    },
    gateway: (key, hosts) => certify(`spiffe://${parts.trust_domain}/sallyport`, key, hosts, parts),
    async jwt(to, audience) {
      const agent = admits(to);
      return isRefusal(agent) ? agent : issueJwt(idOfAgent(parts.trust_domain, to), audience, parts);
    },
  };
}

function admit({ agent: id, job }: Mapped, standing: Standing): AgentStanding | Refusal {
  const agent = standing.agents.get(id);
  if (agent === undefined) return refuse('agent_unknown', `agent ${id} is not registered`);
  if (job !== undefined && !agent.jobs.includes(job)) {
    return refuse('job_not_granted', `agent ${id} is not registered for job ${job}`);
  }
  const stop =
    standing.findStop('all', '') ?? standing.findStop('agent', id) ?? standing.findStop('key', agent.thumbprint);
  return stop === undefined ? agent : refuse('stopped', `agent ${id} gets no SVID: ${stop.reason} (${stop.stop})`);
}

async function certify(
  id: string,
  key: KeyObject,
  hosts: readonly string[],
  parts: IssuerParts,
): Promise<IssuedSvid | Refusal> {
  const { keys, expires_at: authority_ends } = parts.authorities.signing();
  return transact<IssuedSvid>(parts, async (tx) => {
    // Certificates count in seconds. Rounded up, so that no SVID looks older than the registration that it stands on.
    const issued_at = Math.ceil((await tx.now()) / 1000) * 1000;
    const expires_at = Math.min(issued_at + parts.svid_ms, authority_ends);
    const times = { not_before: issued_at - BACKDATED_MS, not_after: expires_at };
    const certificate = issueX509Svid({ id, key, times, hosts }, keys.reveal().x509, parts.random);
    const { thumbprint } = readCertificate(certificate)!;
    await parts.record(tx, {
      event: 'svid.issue',
      by: 'gateway',
      subject: thumbprint,
      before: null,
      after: null,
      payload: { id, kind: 'x509', expires_at },
    });
    return { id, certificate, thumbprint, issued_at, expires_at };
  });
}

async function issueJwt(
  id: string,
  audience: readonly string[],
  parts: IssuerParts,
): Promise<{ id: string; svid: string } | Refusal> {
  const { keys } = parts.authorities.signing();
  return transact<{ id: string; svid: string }>(parts, async (tx) => {
    const now = await tx.now();
    const svid = issueJwtSvid({ id, audience, now }, keys.reveal().jwt);
    const payload = { id, kind: 'jwt', audience: [...audience], expires_at: now + JWT_SVID_SECONDS * 1000 };
    const subject = jwtThumbprint(svid);
    await parts.record(tx, { event: 'svid.issue', by: 'gateway', subject, before: null, after: null, payload });
    return { id, svid };
  });
}

/** A key that somebody wants certified: ECDSA on P-256, what both ends of our TLS speak. */
export function readSpki(der: Uint8Array): KeyObject | undefined {
  try {
    const key = createPublicKey({ key: Buffer.from(der), format: 'der', type: 'spki' });
    return key.asymmetricKeyType === 'ec' && key.asymmetricKeyDetails?.namedCurve === 'prime256v1' ? key : undefined;
  } catch {
    return undefined;
  }
}
