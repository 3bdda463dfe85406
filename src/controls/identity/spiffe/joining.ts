import { type KeyObject, verify } from 'node:crypto';
import { CertificationRequest } from '@peculiar/asn1-csr';
import { AsnConvert } from '@peculiar/asn1-schema';
import type { Random } from '../../../core/clock.ts';
import { isRefusal, type Refusal, refuse } from '../../../core/refusal.ts';
import { Secret } from '../../../core/secret.ts';
import { type ChangeParts, transact } from '../change.ts';
import { digestOf, hashSecret } from '../digest.ts';
import { type Issuer, readSpki } from './issuer.ts';
import type { Mapped } from './mapping.ts';
import { insertJoin, takeJoin } from './store.ts';

/** Long enough to carry it to the machine that is to join. */
export const JOIN_MS = 10 * 60_000;
const SECRET = /^join_[A-Za-z0-9_-]{43}$/;
const REQUEST_BYTES_MAX = 4_096;
const ECDSA_WITH_SHA256 = '1.2.840.10045.4.3.2';

export type JoinParts = ChangeParts & { random: Random; issuer: Issuer };

/** Makes a joining token: printed once, kept as a hash, good once, for ten minutes. */
export async function makeJoinToken(
  to: Mapped,
  by: string,
  parts: JoinParts,
): Promise<{ secret: Secret; expires_at: number } | Refusal> {
  const secret = `join_${Buffer.from(parts.random(32)).toString('base64url')}`;
  const made = await transact<{ expires_at: number }>(parts, async (tx) => {
    const agent = parts.issuer.admits(to);
    if (isRefusal(agent)) return agent.code === 'agent_unknown' ? refuse('not_found', agent.reason) : agent;
    const expires_at = (await tx.now()) + JOIN_MS;
    const join = { agent: agent.id, generation: agent.generation, job: to.job ?? null };
    await insertJoin(tx, { ...join, secret: hashSecret(secret), expires_at });
    const after = digestOf({ ...join, expires_at });
    await parts.record(tx, { event: 'join.create', by, subject: agent.id, before: null, after, payload: join });
    return { expires_at };
  });
  return isRefusal(made) ? made : { secret: new Secret(secret), expires_at: made.expires_at };
}

/** Whom the token lets join. Used up in the same moment, whatever becomes of the rest of the request. */
export async function redeemJoinToken(secret: string, parts: JoinParts): Promise<Mapped | Refusal> {
  if (!SECRET.test(secret)) return refuse('join_refused', 'a joining token is join_ and 43 characters');
  return transact<Mapped>(parts, async (tx) => {
    const join = await takeJoin(tx, hashSecret(secret), await tx.now());
    if (join === undefined) return refuse('join_refused', 'no live joining token has this hash');
    const agent = parts.standing.agents.get(join.agent);
    if (agent === undefined || agent.generation !== join.generation) {
      return refuse('join_refused', `agent ${join.agent} was removed or registered anew since the token was made`);
    }
    const { job } = join;
    await parts.record(tx, {
      event: 'join.use',
      by: `agent:${agent.id}`,
      subject: agent.id,
      before: null,
      after: null,
    });
    return { agent: agent.id, job: job ?? undefined };
  });
}

/**
 * A certification request (RFC 2986), of which only the key is taken: names and extensions are granted, never asserted.
 * Its signature proves that whoever asks holds the key.
 */
export function readRequest(der: Uint8Array): KeyObject | undefined {
  if (der.byteLength > REQUEST_BYTES_MAX) return undefined;
  try {
    const request = AsnConvert.parse(Buffer.from(der), CertificationRequest);
    if (!Buffer.from(AsnConvert.serialize(request)).equals(Buffer.from(der))) return undefined;
    if (request.signatureAlgorithm.algorithm !== ECDSA_WITH_SHA256) return undefined;
    const info = request.certificationRequestInfo;
    const key = readSpki(Buffer.from(AsnConvert.serialize(info.subjectPKInfo)));
    const signed = Buffer.from(AsnConvert.serialize(info));
    return key !== undefined && verify('sha256', signed, key, Buffer.from(request.signature)) ? key : undefined;
  } catch {
    return undefined;
  }
}
