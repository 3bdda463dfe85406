import type { Clock, Random } from '../../../core/clock.ts';
import type { Documents } from '../../../core/document.ts';
import { isRefusal, type Refusal, type RefusalCode } from '../../../core/refusal.ts';
import { type ChangeParts, TOPIC, transact } from '../change.ts';
import type { RunKeeper } from '../runs.ts';
import { type Authorities, type AuthorityShelf, openAuthorities } from './authorities.ts';
import { type Bundle, writeBundle } from './bundle.ts';
import { type Federated, openFederated } from './bundles.ts';
import { pemOf } from './certificate.ts';
import type { Spiffe, SpiffeSettings, SvidRefusal } from './contract.ts';
import { openDoor } from './door.ts';
import { openHolderRuns } from './holder-runs.ts';
import { openIssuer } from './issuer.ts';
import { makeJoinToken } from './joining.ts';
import { type OwnSvid, openOwnSvid } from './own-svid.ts';
import { openSvidReader, type SvidReader } from './svid-reader.ts';
import { openWorkloadApi } from './workload-api.ts';

const REFUSALS_KEPT = 20;
/** How often it is looked whether an authority is due. */
const KEEP_MS = 30_000;

export type SpiffeParts = ChangeParts & {
  clock: Clock;
  random: Random;
  issuer: string;
  documents: Documents;
  runs: RunKeeper;
  settings: SpiffeSettings;
  shelf: AuthorityShelf;
  refused(code: RefusalCode, address: string): void;
};

/** Opens the trust domain: its authorities, the bundles of others, and the gateway's own SVID. */
export async function openSpiffe(parts: SpiffeParts): Promise<Spiffe & { svids: SvidReader }> {
  const { settings, clock, random } = parts;
  const { trust_domain, svid_ms, authority_ms } = settings;
  const changes = new Changes();
  const changed = (): void => changes.bundles();
  const authorities = await openAuthorities({ ...parts, random, trust_domain, authority_ms, shelf: parts.shelf });
  const federated = await openFederated({ ...parts, sources: settings.sources, changed });
  const issuer = openIssuer({ ...parts, random, authorities, trust_domain, svid_ms });
  const own = await openOwnSvid({
    ...parts,
    svids: issuer,
    hosts: settings.hosts,
    changed: () => changes.anything(),
  });
  const bundles = cached(authorities, federated, () => changes.version);
  const refusals: SvidRefusal[] = [];
  const svids = openReader(parts, bundles, changes, refusals);
  const stops = [followChanges(parts, authorities, changes), () => federated.close(), () => own.close()];
  const join = { ...parts, random, issuer };
  const bundle = () => writeBundle(authorities.bundle());
  return {
    svids,
    workloads: openWorkloadApi({ clock, issuer, trust_domain, bundles, changes, now: () => parts.time.now() }),
    credentials: () => ({
      certificate: pemOf(own.now().certificate),
      private_key: own.now().private_key,
      authorities: bundles().flatMap(pemsOf),
    }),
    onCredentials: (listener) => {
      const credentials = () => `${own.now().thumbprint} ${changes.version}`;
      let shown = credentials();
      return changes.listen(() => {
        const now = credentials();
        if (now !== shown) listener();
        shown = now;
      });
    },
    rotate: (what, by) => rotate(what, by, { ...parts, own, authorities, changed }),
    status: () => {
      const { id, thumbprint, issued_at, expires_at, rotations } = own.now();
      const svid = { id, thumbprint, issued_at, expires_at, rotations };
      return { trust_domain, authorities: authorities.list(), svid, federated: federated.list(), refusals };
    },
    bundle,
    joinToken: (to, by) => makeJoinToken(to, by, join),
    door: openDoor({
      ...join,
      svids,
      trust_domain,
      monotonic: () => clock.monotonic(),
      bundle,
      authorities: () => pemsOf(authorities.bundle()),
      refused: ({ code }, address) => parts.refused(code, address),
    }),
    close() {
      for (const stop of stops) stop();
    },
  };
}

/** Tells whoever shows credentials or streams them that something may be otherwise, and counts changes of bundles. */
class Changes {
  version = 0;
  readonly #listeners = new Set<() => void>();

  bundles(): void {
    this.version += 1;
    this.anything();
  }

  anything(): void {
    for (const listener of [...this.#listeners]) listener();
  }

  listen(listener: () => void): () => void {
    const own = (): void => listener();
    this.#listeners.add(own);
    return () => this.#listeners.delete(own);
  }
}

function pemsOf({ authorities }: Bundle): string[] {
  return authorities.map(({ der }) => pemOf(der));
}

function openReader(parts: SpiffeParts, bundles: () => Bundles, changes: Changes, refusals: SvidRefusal[]): SvidReader {
  const { settings, standing, time } = parts;
  return openSvidReader({
    standing,
    runs: openHolderRuns(parts),
    trust_domain: settings.trust_domain,
    audience: parts.issuer,
    rules: settings.rules,
    bundleOf: (name) => bundles().find((bundle) => bundle.trust_domain === name),
    version: () => changes.version,
    now: () => time.now(),
    refused: ({ code, reason }) => {
      refusals.unshift({ at: time.now(), code, reason });
      refusals.length = Math.min(refusals.length, REFUSALS_KEPT);
    },
  });
}

type Bundles = readonly [own: Bundle, ...federated: Bundle[]];

/** Made once for each version: they are asked for at each request that is not verified yet, and at each handshake. */
function cached(authorities: Authorities, federated: Federated, version: () => number): () => Bundles {
  let last: { version: number; bundles: Bundles } | undefined;
  return () => {
    if (last?.version !== version()) {
      last = { version: version(), bundles: [authorities.bundle(), ...federated.bundles()] };
    }
    return last.bundles;
  };
}

/** What replicas add, what is due, and what expires by itself: all of it shows in the bundle's sequence. */
function followChanges(parts: SpiffeParts, authorities: Authorities, changes: Changes): () => void {
  const { clock, report, standing, state } = parts;
  let published = authorities.bundle().sequence;
  const review = (): void => {
    const { sequence } = authorities.bundle();
    if (sequence === published) return;
    published = sequence;
    changes.bundles();
  };
  let cancel = (): void => undefined;
  const plan = (): void => {
    cancel = clock.after(KEEP_MS, () => {
      authorities
        .keep()
        .then(review, (error: unknown) => report('the authorities of the trust domain could not be kept', error))
        .finally(plan);
    });
  };
  plan();
  const stops = [
    () => cancel(),
    standing.onChange(() => changes.anything()),
    state.onChange(async (_version, topics) => {
      if (topics.has(TOPIC)) await authorities.refresh();
      review();
    }),
  ];
  return () => {
    for (const stop of stops) stop();
  };
}

async function rotate(
  what: 'svid' | 'authority',
  by: string,
  parts: SpiffeParts & { own: OwnSvid; authorities: Authorities; changed(): void },
): Promise<Refusal | undefined> {
  if (what === 'authority') {
    const made = await parts.authorities.rotate(by);
    if (isRefusal(made)) return made;
    parts.changed();
    return undefined;
  }
  const before = parts.own.now().thumbprint;
  const refusal = await parts.own.rotate();
  if (refusal !== undefined) return refusal;
  const subject = parts.own.now().thumbprint;
  return transact<undefined>(parts, async (tx) => {
    await parts.record(tx, { event: 'svid.rotate', by, subject, before: null, after: null, payload: { before } });
    return undefined;
  });
}
