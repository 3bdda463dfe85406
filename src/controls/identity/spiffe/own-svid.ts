import { generateKeyPairSync } from 'node:crypto';
import type { Clock } from '../../../core/clock.ts';
import { isRefusal, type Refusal } from '../../../core/refusal.ts';
import { Secret } from '../../../core/secret.ts';
import type { Time } from '../time.ts';
import type { IssuedSvid, Issuer } from './issuer.ts';
import { halfOf } from './workload-api.ts';

/** After a failure, so that one that lasts is not asked about all the time. */
const AGAIN_MS = 1_000;

export type Own = IssuedSvid & { private_key: Secret; rotations: number };

/** The gateway's own SVID, which its listeners show: another one at half of its life. */
export interface OwnSvid {
  now(): Own;
  rotate(): Promise<Refusal | undefined>;
  close(): void;
}

export type OwnParts = {
  clock: Clock;
  time: Time;
  svids: Issuer;
  hosts: readonly string[];
  changed(): void;
  report(problem: string, error: unknown): void;
};

export async function openOwnSvid(parts: OwnParts): Promise<OwnSvid> {
  const { clock, time, changed, report } = parts;
  const first = await make(parts, 0);
  if (isRefusal(first)) throw new Error(`the gateway has no SVID of its own: ${first.reason}`);
  let held = first;
  let cancel = (): void => undefined;
  const rotate = async (): Promise<Refusal | undefined> => {
    const next = await make(parts, held.rotations + 1);
    if (isRefusal(next)) return next;
    held = next;
    changed();
    return undefined;
  };
  const failed = (why: unknown): void => report('the gateway’s own SVID could not be renewed', why);
  const plan = (): void => {
    cancel = clock.after(Math.max(halfOf(held) - time.now(), AGAIN_MS), () => {
      rotate()
        .then((refusal) => refusal !== undefined && failed(refusal.reason), failed)
        .finally(plan);
    });
  };
  plan();
  return { now: () => held, rotate, close: () => cancel() };
}

async function make({ svids, hosts }: OwnParts, rotations: number): Promise<Own | Refusal> {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const issued = await svids.gateway(publicKey, hosts);
  if (isRefusal(issued)) return issued;
  const private_key = new Secret(privateKey.export({ type: 'pkcs8', format: 'pem' }).toString());
  return { ...issued, private_key, rotations };
}
