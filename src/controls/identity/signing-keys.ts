import { isRefusal, type Refusal, refuse } from '../../core/refusal.ts';
import { type ChangeParts, change } from './change.ts';
import { digestOf } from './digest.ts';
import { type IdentityKeys, publicHalf, type SigningJwk } from './identity-keys.ts';
import { KEY_MS_MAX } from './standing.ts';
import {
  type KeptKey,
  loadSigningKey,
  retireSigningKeys,
  type StoredKey,
  saveSigningKey,
} from './store/signing-keys.ts';

/** A key is published this long before it signs: servers that verify what we sign keep our keys for minutes. */
export const PUBLISHED_MS_BEFORE = 5 * 60_000;
/** One for its own rotation, one for each that was ordered while it was under way. */
const SUCCESSIONS_MAX = 3;

export type SigningKeyEntry = KeptKey & {
  /** Whether the replica that was asked signs with it. */
  signs: boolean;
};

/** The keys that sign access tokens, delegations and assertions: one for each replica, and those before it. */
export interface SigningKeys {
  /** Those whose signatures count. */
  list(): readonly SigningKeyEntry[];
  /**
   * Every replica makes its next key and publishes it, and signs with it five minutes later; what the old one signed counts
   * until it expires. `compromised`: the old one signs and counts no more, from now on.
   */
  rotate(asked: { compromised: boolean }, by: string): Promise<Refusal | undefined>;
}

type Parts = ChangeParts & { keys: IdentityKeys };

export type KeptSigningKeys = SigningKeys & {
  /** Says that this replica still signs with its key, and goes on with a rotation that was ordered. */
  beat(now: number): Promise<void>;
  /** One after another, and never on a request's time. */
  follow(): void;
};

/** Makes this replica's key known. */
export async function openSigningKeys(parts: Parts): Promise<KeptSigningKeys> {
  const current = (): SigningJwk => parts.keys.signing.reveal();
  let under_way: Promise<void> = Promise.resolve();
  const tend = (): Promise<void> => {
    under_way = under_way.then(() => succeed(parts)).catch((error) => parts.report('no signing key was made', error));
    return under_way;
  };
  const kept = await loadSigningKey(parts.db, current().kid);
  if (kept?.retired_at == null) await publish(current(), parts);
  else await tend();
  return {
    list: () =>
      [...parts.standing.grantKeys.values()].map(({ kid, jwk, added_at, used_at, retired_at }) => {
        return { kid, jwk, added_at, used_at, retired_at, signs: kid === current().kid };
      }),
    async rotate(asked, by) {
      const refused = await order(asked, by, parts);
      if (refused === undefined) await tend();
      return refused;
    },
    async beat(now) {
      await saveSigningKey(parts.db, storedKey(current()), now);
      await tend();
    },
    follow: () => void tend(),
  };
}

async function order(
  { compromised }: { compromised: boolean },
  by: string,
  parts: Parts,
): Promise<Refusal | undefined> {
  return change<undefined>(parts, async (tx, now) => {
    const under_way = [...parts.standing.signingKeys.values()].some(
      ({ retired_at }) => retired_at !== null && retired_at > now - PUBLISHED_MS_BEFORE,
    );
    if (under_way && !compromised) {
      const problem = 'The keys are being replaced now; the next ones sign within five minutes.';
      return refuse('already_exists', problem, { public: problem });
    }
    const kids = await retireSigningKeys(tx, { now, used_since: now - KEY_MS_MAX, compromised });
    const payload = { kids: [...kids], compromised };
    await parts.record(tx, { event: 'key.rotate', by, subject: null, before: digestOf(kids), after: null, payload });
    return undefined;
  });
}

/** Where this replica's key was replaced by order of any replica, also while this one was away. */
async function succeed(parts: Parts): Promise<void> {
  for (let turn = 0; turn < SUCCESSIONS_MAX; turn++) {
    const { kid } = parts.keys.signing.reveal();
    const known = parts.standing.signingKeys.get(kid);
    if (known !== undefined && known.retired_at === null) return;
    const own = await loadSigningKey(parts.db, kid);
    if (own === undefined || own.retired_at === null) return;
    const added_at = await publish(parts.keys.succession.next().reveal(), parts);
    if (own.used_at > 0 && parts.time.now() < added_at + PUBLISHED_MS_BEFORE) return;
    parts.keys.succession.take();
  }
}

/** Other replicas, and whoever verifies our assertions, know a key by its public half. @returns since when. */
async function publish(signing: SigningJwk, parts: Parts): Promise<number> {
  const key = storedKey(signing);
  const known = parts.standing.signingKeys.get(key.kid);
  if (known !== undefined) return known.added_at;
  const done = await change<undefined>(parts, async (tx, now) => {
    // Replicas that share a key and start together: one writes it, and a version with no change behind it is not made.
    const kept = await loadSigningKey(tx, key.kid);
    if (kept !== undefined && kept.used_at > now - KEY_MS_MAX) return refuse('already_exists', `${key.kid} is known`);
    await saveSigningKey(tx, key, now);
    const after = digestOf(publicHalf(signing));
    const before = kept === undefined ? null : after;
    await parts.record(tx, { event: 'key.create', by: 'gateway', subject: key.kid, before, after });
    return undefined;
  });
  if (isRefusal(done)) {
    if (done.code !== 'already_exists') throw new Error(`the signing key could not be made known: ${done.reason}`);
    await parts.standing.refresh();
  }
  return parts.standing.signingKeys.get(key.kid)?.added_at ?? parts.time.now();
}

function storedKey(signing: SigningJwk): StoredKey {
  return { kid: signing.kid, jwk: JSON.stringify(publicHalf(signing)) };
}
