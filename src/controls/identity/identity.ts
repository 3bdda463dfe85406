import { type AccessToken, openTokenReader } from './access-token.ts';
import { openAgents } from './agents.ts';
import { callerOf, openAuthenticate } from './authenticate.ts';
import { nonceSecret, openNonces } from './authorization/nonces.ts';
import { openAuthorizationServer } from './authorization/server.ts';
import { pruneArtefacts } from './authorization/store.ts';
import { openBearers } from './bearer.ts';
import { type ChangeParts, TOPIC } from './change.ts';
import { claimProofs } from './claims.ts';
import { openConnections } from './connections/connections.ts';
import { CONNECTED_PATH, clientDocument } from './connections/registration.ts';
import { pruneFlows } from './connections/store.ts';
import type { Identity, IdentityParts } from './contract.ts';
import { Chains, DEPTH_MAX_USUAL } from './delegation/chain.ts';
import { openDelegations } from './delegation/delegations.ts';
import { tokenExchange } from './delegation/exchange.ts';
import { pruneHops } from './delegation/store.ts';
import { FOREIGN_RUN_IDLE_MS_MAX, openFederation } from './federation/federation.ts';
import { openWorkloadTokens } from './federation/issue.ts';
import { pruneForeignRuns } from './federation/store.ts';
import { openManifests } from './manifests/manifests.ts';
import type { PeopleSettings } from './people/contract.ts';
import { openPeople } from './people/people.ts';
import { SESSION_IDLE_MS_MAX } from './people/sessions.ts';
import { prunePeople } from './people/store.ts';
import { openProofReader } from './proof.ts';
import { challenges, protectedResource } from './resource-metadata.ts';
import { openRuns } from './runs.ts';
import { openSenderProofs } from './sender-proofs.ts';
import { knownHere } from './signals/known.ts';
import { NO_SIGNALS, openSignals } from './signals/open.ts';
import { pruneEvents } from './signals/store.ts';
import { openTransmitter } from './signals/transmit.ts';
import { type KeptSigningKeys, openSigningKeys } from './signing-keys.ts';
import { openSpiffe } from './spiffe/spiffe.ts';
import { Standing } from './standing.ts';
import { openStops } from './stops.ts';
import { pruneAssertions, pruneProofs } from './store/claims.ts';
import { openTime } from './time.ts';
import { openIdTokens } from './upstream-tokens/id-tokens.ts';
import { pruneIdTokens } from './upstream-tokens/store.ts';
import { assertBy, claimsBy, openUpstreamTokens } from './upstream-tokens/upstream-tokens.ts';
import { openVault } from './vault/vault.ts';

/** Between two sweeps, and between two pieces of one while there is more: SQLite does one thing at once. */
const SWEEP_MS = 1_000;
const PIECE_MS = 5;
const PIECE_ROWS = 128;
/** A replica whose clock is behind may still accept a proof for this long. */
const CLAIM_MS_KEPT = 60_000;
/** Longer than an event is accepted after its time of issue. */
const EVENT_MS_KEPT = 8 * 24 * 60 * 60_000;
/** How often the rest is done, and a replica says that its signing key is in use. */
const SLOW_EVERY_MS = 20_000;

/** Joins the parts. Reads what stands, makes this replica's signing key known, and begins to follow changes. */
export async function openIdentity(given: IdentityParts): Promise<Identity> {
  const { db, clock, random, keys } = given;
  const issuer = given.issuer.replace(/\/+$/, '');
  const time = openTime({ db, clock });
  const standing = new Standing(db, time);
  const settings = given.signals ?? NO_SIGNALS;
  const told = { issuer, now: () => time.now(), key: settings.key, sinks: settings.transmit };
  const transmitter = openTransmitter({ ...given, ...told });
  const record = transmitter.recording(given.record);
  const parts: ChangeParts & typeof given = { ...given, record, issuer, standing, time };
  await standing.refresh();
  const signingKeys = await openSigningKeys(parts);
  const now = (): number => time.now();
  const depthMax = given.delegationDepthMax ?? (() => DEPTH_MAX_USUAL);
  const hops = { issuer, signingKey: (kid: string) => standing.grantKeys.get(kid)?.key, depthMax };
  const chains = new Chains({ ...hops, db, now });
  const runs = openRuns({ ...parts, random, chains });
  const delegations = openDelegations({ ...parts, ...hops, random, chains, runs });
  const bearers = openBearers({ ...parts, clock, random, runs });
  const stops = openStops({ ...parts, clock, random });
  const tokens = openTokenReader({ issuer, now, signingKey: (kid) => standing.signingKeys.get(kid)?.key });
  const known = openNonces(nonceSecret(keys.sealing), now);
  const policy = () => given.authorization().dpop_nonces;
  const signatures = given.signatures ?? 'on threads';
  const proofs = openProofReader({ issuer, random, now, signatures, nonces: { policy, known } });
  const federation = openFederation({ ...parts, proofs, runs, trusted: given.issuers ?? [] });
  const workloads = openWorkloadTokens({ ...parts, federation, proofs, runs });
  const unlisten = follow(parts, signingKeys);
  for (const remembered of [chains, runs]) standing.onChange(() => remembered.forget());
  const held = await openHeld({ ...parts, random });
  const spiffe = given.spiffe === undefined ? undefined : await openSpiffe({ ...parts, ...given.spiffe, runs });
  const reading = { standing, tokens, proofs, bearers, chains, federation, svids: spiffe?.svids };
  const holderOf = (token: AccessToken) => callerOf(token, undefined, reading);
  const exchange = tokenExchange({ db, standing, tokens, delegations, holderOf });
  const signals = openSignals({ ...parts, ...told, settings, transmitter, stops, ...knownHere(parts) });
  const issuing = { runs, grants: [exchange], workloads, svids: spiffe?.svids };
  const authorization = openAuthorizationServer({ ...parts, ...issuing });
  const manifests = await openManifests(parts);
  const endSweeps = sweepRepeatedly(parts, signingKeys, () => held.offered.connections.endLeft());
  return {
    signals,
    signingKeys,
    authenticate: openAuthenticate(reading),
    loadRun: (caller) => runs.load(caller),
    claimProofs,
    now,
    stops,
    agents: openAgents(parts),
    tokens: { issue: bearers.issue, revoke: bearers.revoke, list: bearers.list },
    runs,
    delegations,
    manifests,
    ...held.offered,
    people: openPeople({ ...parts, ...held.needed, settings: given.people ?? lonely(issuer) }),
    authorizationServer: authorization.server,
    consents: authorization.consents,
    spiffe,
    challenges: (refusal, path) =>
      challenges(refusal, path, { issuer, nonce: policy() === 'off' ? undefined : known.next() }),
    protectedResource: (path) => protectedResource(path, issuer),
    async close() {
      unlisten();
      endSweeps();
      spiffe?.close();
      manifests.close();
      stops.close();
      signals.close();
      transmitter.close();
      await held.close();
    },
  };
}

/** What servers are shown that others gave: kept, renewed, and got from people. */
async function openHeld(parts: ChangeParts & IdentityParts) {
  const { documents, random, time, issuer, console_url } = parts;
  const showing = {
    assert: assertBy(parts),
    claims: claimsBy(parts),
    proofs: openSenderProofs({ random, now: () => time.now() }),
    fetchDocument: documents.configured({ addresses: parts.vault.addresses }),
  };
  const vault = await openVault({ ...parts, ...showing, keySource: parts.vault.keys });
  const id_tokens = openIdTokens({ ...parts, wanted: parts.wantsIdTokens ?? (() => false) });
  const upstreamTokens = openUpstreamTokens({ ...parts, id_tokens });
  const redirect_uri = () => `${console_url()}${CONNECTED_PATH}`;
  const connections = openConnections({ ...parts, ...showing, vault, redirect_uri });
  const metadata = (path: string) => clientDocument(path, { issuer, redirect_uri: redirect_uri() });
  return {
    offered: { vault, connections, clientDocument: metadata, upstreamTokens },
    needed: { id_tokens },
    close: async () => {
      connections.close();
      await vault.close();
    },
  };
}

/** Nobody signs in but by a password. */
function lonely(issuer: string): PeopleSettings {
  return { console_url: () => issuer, separation: [] };
}

function follow({ state, standing }: ChangeParts, signingKeys: KeptSigningKeys): () => void {
  return state.onChange(async (_version, topics) => {
    if (!topics.has(TOPIC)) return;
    await standing.refresh();
    signingKeys.follow();
  });
}

/** Says that this replica is here and forgets what has expired, never on a request's time. */
function sweepRepeatedly(
  parts: ChangeParts & IdentityParts,
  signingKeys: KeptSigningKeys,
  endLeft: () => Promise<void>,
): () => void {
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
      await signingKeys.beat(now);
      await standing.refreshKeys();
      await pruneAssertions(db, now - CLAIM_MS_KEPT);
      await pruneEvents(db, now - EVENT_MS_KEPT);
      await pruneForeignRuns(db, now - FOREIGN_RUN_IDLE_MS_MAX);
      await pruneHops(db, now - CLAIM_MS_KEPT);
      await pruneArtefacts(db, now - CLAIM_MS_KEPT);
      await endLeft();
      await pruneIdTokens(db, now);
      await pruneFlows(db, now - CLAIM_MS_KEPT);
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
