import { isRefusal, refuse } from '../../core/refusal.ts';
import { openTokenReader } from './access-token.ts';
import { openAgents } from './agents.ts';
import { openAuthenticate } from './authenticate.ts';
import { openAuthorizationServer } from './authorization-server.ts';
import { openBearers } from './bearer.ts';
import { type ChangeParts, change, TOPIC } from './change.ts';
import { claimProofs } from './claims.ts';
import type { Identity, IdentityParts } from './contract.ts';
import { digestOf } from './digest.ts';
import { publicHalf } from './identity-keys.ts';
import { openPeople } from './people.ts';
import { openProofReader } from './proof.ts';
import { challenges, protectedResource } from './resource-metadata.ts';
import { openRuns } from './runs.ts';
import { SESSION_IDLE_MS_MAX } from './sessions.ts';
import { KEY_MS_MAX, Standing } from './standing.ts';
import { openStops } from './stops.ts';
import { pruneAssertions, pruneProofs } from './store/claims.ts';
import { prunePeople } from './store/people.ts';
import { type StoredKey, saveSigningKey, signingKeyUse } from './store/signing-keys.ts';
import { openTime } from './time.ts';

/** Between two sweeps, and between two pieces of one while there is more: SQLite does one thing at once. */
const SWEEP_MS = 1_000;
const PIECE_MS = 5;
const PIECE_ROWS = 128;
/** A replica whose clock is behind may still accept a proof for this long. */
const CLAIM_MS_KEPT = 60_000;
/** How often the rest is done, and a replica says that its signing key is in use. */
const SLOW_EVERY_MS = 20_000;

/** Joins the parts. Reads what stands, makes this replica's signing key known, and begins to follow changes. */
export async function openIdentity(given: IdentityParts): Promise<Identity> {
  const { db, clock, random, state, keys, record, report } = given;
  const issuer = given.issuer.replace(/\/+$/, '');
  const time = openTime({ db, clock });
  const standing = new Standing(db, time);
  const parts: ChangeParts & typeof given = { ...given, issuer, standing, time };
  await standing.refresh();
  await publishSigningKey(parts);
  const now = (): number => time.now();
  const runs = openRuns({ ...parts, random });
  const bearers = openBearers({ ...parts, clock, random, runs });
  const stops = openStops({ ...parts, clock, random });
  const tokens = openTokenReader({ issuer, now, signingKey: (kid) => standing.signingKeys.get(kid)?.key });
  const proofs = openProofReader({ issuer, random, now, signatures: given.signatures ?? 'on threads' });
  const unlisten = state.onChange(async (_version, topics) => {
    if (topics.has(TOPIC)) await standing.refresh();
  });
  standing.onChange(() => runs.forget());
  const endSweeps = sweepRepeatedly(parts);
  return {
    authenticate: openAuthenticate({ standing, tokens, proofs, bearers }),
    loadRun: (caller) => runs.load(caller),
    claimProofs,
    now,
    stops,
    agents: openAgents(parts),
    tokens: { issue: bearers.issue, revoke: bearers.revoke, list: bearers.list },
    runs,
    people: openPeople({ ...parts, clock, random, keys }),
    authorizationServer: openAuthorizationServer({ ...parts, record, report, runs }),
    challenges: (refusal, path) => challenges(refusal, path, issuer),
    protectedResource: (path) => protectedResource(path, issuer),
    async close() {
      unlisten();
      endSweeps();
      stops.close();
    },
  };
}

/** Other replicas verify this one's tokens by the public half. To rotate it, remove the file and start again. */
async function publishSigningKey(parts: ChangeParts & IdentityParts): Promise<void> {
  const key = storedKey(parts);
  if (parts.standing.signingKeys.has(key.kid)) return;
  const done = await change<undefined>(parts, async (tx, now) => {
    // Replicas that share a key and start together: one writes it, and a version with no change behind it is not made.
    const used_at = await signingKeyUse(tx, key.kid);
    if (used_at !== undefined && used_at > now - KEY_MS_MAX) return refuse('already_exists', `key ${key.kid} is known`);
    await saveSigningKey(tx, key, now);
    const after = digestOf(publicHalf(parts.keys.signing.reveal()));
    const before = used_at === undefined ? null : after;
    await parts.record(tx, { event: 'key.create', by: 'gateway', subject: key.kid, before, after });
    return undefined;
  });
  if (!isRefusal(done)) return;
  if (done.code !== 'already_exists') throw new Error(`the signing key could not be made known: ${done.reason}`);
  await parts.standing.refresh();
}

function storedKey({ keys }: IdentityParts): StoredKey {
  const signing = keys.signing.reveal();
  return { kid: signing.kid, jwk: JSON.stringify(publicHalf(signing)) };
}

/** Says that this replica is here and forgets what has expired, never on a request's time. */
function sweepRepeatedly(parts: ChangeParts & IdentityParts): () => void {
  const { clock, db, time, standing, report } = parts;
  let cancel = (): void => {};
  let closed = false;
  let slow_at = 0;
  const sweep = async (): Promise<boolean> => {
    // A machine that slept has lost time on its monotonic clock; what expired meanwhile must not come back.
    await time.sync();
    const now = time.now();
    if (now - slow_at > SLOW_EVERY_MS) {
      slow_at = now;
      await saveSigningKey(db, storedKey(parts), now);
      await standing.refreshKeys();
      await pruneAssertions(db, now - CLAIM_MS_KEPT);
      await prunePeople(db, now, now - SESSION_IDLE_MS_MAX);
    }
    return pruneProofs(db, now - CLAIM_MS_KEPT, PIECE_ROWS);
  };
  const next = (wait_ms: number): void => {
    if (closed) return;
    cancel = clock.after(wait_ms, () => {
      sweep().then(
        (more) => next(more ? PIECE_MS : SWEEP_MS),
        (error: unknown) => {
          report('what has expired could not be forgotten', error);
          next(SWEEP_MS);
        },
      );
    });
  };
  next(SWEEP_MS);
  return () => {
    closed = true;
    cancel();
  };
}
