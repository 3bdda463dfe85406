import type { Clock } from '../../core/clock.ts';
import { isRefusal } from '../../core/refusal.ts';
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
import { Standing } from './standing.ts';
import { openStops } from './stops.ts';
import { pruneClaims } from './store/claims.ts';
import { prunePeople } from './store/people.ts';
import { insertSigningKey } from './store/signing-keys.ts';
import { openTime } from './time.ts';

const SWEEP_MS = 1_000;
/** A replica whose clock is behind may still accept a proof for this long. */
const CLAIM_MS_KEPT = 60_000;
const CLAIMS_A_SWEEP_MAX = 4_096;
const CLAIMS_AT_ONCE = 512;
const PEOPLE_EVERY_SWEEPS = 60;

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
  const bearers = openBearers({ ...parts, random, runs });
  const stops = openStops({ ...parts, clock, random });
  const tokens = openTokenReader({ issuer, now, signingKey: (kid) => standing.signingKeys.get(kid)?.key });
  const proofs = openProofReader({ issuer, random, now, signatures: given.signatures ?? 'on threads' });
  const unlisten = state.onChange(async (_version, topics) => {
    if (topics.has(TOPIC)) await standing.refresh();
  });
  standing.onChange(() => runs.forget());
  const endSweeps = sweepRepeatedly(clock, (count) => sweep(count, parts));
  return {
    authenticate: openAuthenticate({ standing, tokens, proofs, bearers }),
    loadRun: (caller) => runs.load(caller),
    claimProofs,
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

/** Other replicas verify this one's tokens by the public half. A new key, after the file was removed, leaves the old one valid. */
async function publishSigningKey(parts: ChangeParts & IdentityParts): Promise<void> {
  const signing = parts.keys.signing.reveal();
  if (parts.standing.signingKeys.has(signing.kid)) return;
  const jwk = publicHalf(signing);
  const done = await change<undefined>(parts, async (tx, added_at) => {
    const { kid } = signing;
    if (!(await insertSigningKey(tx, { kid, jwk: JSON.stringify(jwk), added_at }))) return undefined;
    await parts.record(tx, { event: 'key.create', by: 'gateway', subject: kid, before: null, after: digestOf(jwk) });
    return undefined;
  });
  if (isRefusal(done)) throw new Error(`the signing key could not be made known: ${done.reason}`);
}

function sweepRepeatedly(clock: Clock, work: (count: number) => Promise<void>): () => void {
  let cancel = (): void => {};
  let closed = false;
  const next = (count: number): void => {
    cancel = clock.after(SWEEP_MS, () => {
      void work(count).then(() => {
        if (!closed) next(count + 1);
      });
    });
  };
  next(1);
  return () => {
    closed = true;
    cancel();
  };
}

/** Forgets what has expired. Never on a request's time, and in pieces, since SQLite does one thing at once. */
async function sweep(count: number, { db, time, report }: ChangeParts): Promise<void> {
  try {
    const now = time.now();
    for (let pruned = 0; pruned < CLAIMS_A_SWEEP_MAX; pruned += CLAIMS_AT_ONCE) {
      if ((await pruneClaims(db, now - CLAIM_MS_KEPT, CLAIMS_AT_ONCE)) < CLAIMS_AT_ONCE) break;
    }
    if (count % PEOPLE_EVERY_SWEEPS === 0) await prunePeople(db, now, now - SESSION_IDLE_MS_MAX);
  } catch (error) {
    report('what has expired could not be pruned', error);
  }
}
