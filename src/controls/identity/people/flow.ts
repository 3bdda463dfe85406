import type { Random } from '../../../core/clock.ts';
import { type Refusal, refuse } from '../../../core/refusal.ts';
import { Secret } from '../../../core/secret.ts';
import type { Database } from '../../../storage/index.ts';
import { digestOf } from '../digest.ts';
import type { IdentityKeys } from '../identity-keys.ts';
import { insertAssertion } from '../store/claims.ts';
import type { Time } from '../time.ts';
import { seal, unseal } from './sealed.ts';

const FLOW_MS_MAX = 10 * 60_000;
const FLOW_CHARS_MAX = 2_048;

export type FlowParts = { db: Database; time: Time; random: Random; keys: IdentityKeys };

/** What a browser was sent away with and must come back with: one thing, by the same browser, once, and soon. */
export function beginFlow(kind: string, data: Record<string, string>, { time, random, keys }: FlowParts): Secret {
  const once = Buffer.from(random(16)).toString('base64url');
  const text = JSON.stringify({ ...data, once, until: String(time.now() + FLOW_MS_MAX) });
  return new Secret(seal(Buffer.from(text), `flow ${kind}`, keys.sealing, random));
}

/** Counts it as used: on all replicas, what comes back a second time comes back for nothing. */
export async function endFlow(
  kind: string,
  flow: string | undefined,
  { db, time, keys }: FlowParts,
): Promise<Record<string, string> | Refusal> {
  const lost = (reason: string): Refusal => refuse('sign_in_lost', reason);
  if (flow === undefined || flow.length > FLOW_CHARS_MAX) return lost('this browser has begun nothing');
  let data: Record<string, string>;
  try {
    data = JSON.parse(Buffer.from(unseal(flow, `flow ${kind}`, keys.sealing)).toString('utf8'));
  } catch {
    return lost('what the browser holds was begun for something else, or elsewhere');
  }
  const until = Number(data['until']);
  if (until <= time.now()) return lost('it was begun too long ago');
  const first = await insertAssertion(db, { claim: digestOf({ flow: data['once']! }), expires_at: until });
  return first ? data : lost('it was finished before');
}
