import type { Clock, Random } from '../../../core/clock.ts';
import { newId } from '../../../core/ids.ts';
import type { JsonObject } from '../../../core/json.ts';
import { differencesOf, type ManifestPart, type Offered, type ServerManifest } from '../../../core/manifest.ts';
import { isRefusal, type Refusal, refuse } from '../../../core/refusal.ts';
import { flagsOf } from '../../../core/unseen-text.ts';
import type { Database, StateWatch, Transaction } from '../../../storage/index.ts';
import { transact } from '../change.ts';
import type { RecordControl } from '../contract.ts';
import { digestOf } from '../digest.ts';
import type { IdentityKeys } from '../identity-keys.ts';
import type { Time } from '../time.ts';
import type { Decided, FirstUse, Manifests, PartDetail, PartEntry, PartRef, PinBasis } from './contract.ts';
import { DrawnNames, isNothing, type Known, reconcile, type Steps } from './reconcile.ts';
import { openPinSigner, type PinSigner } from './signature.ts';
import * as store from './store.ts';
import { keyOf, type Offer, type Pin } from './store.ts';

/** The topic of pins in the state's version. */
export const TOPIC = 'manifests';
const RETRY_MS = 1_000;
/** Names in one receipt's payload. */
const NAMES_MAX = 100;

export type ManifestParts = {
  db: Database;
  clock: Clock;
  random: Random;
  state: StateWatch;
  time: Time;
  signer: PinSigner;
  first_use(): FirstUse;
  record: RecordControl;
  report: (problem: string, error: unknown) => void;
};

type Given = Omit<ManifestParts, 'signer' | 'first_use'> & {
  keys: Pick<IdentityKeys, 'pins'>;
  first_use?: (() => FirstUse) | undefined;
};

export async function openManifests({ keys, first_use = () => 'approve', ...parts }: Given): Promise<Manifests> {
  const manifests = new PinnedManifests({ ...parts, first_use, signer: openPinSigner(keys.pins) });
  await manifests.refresh();
  return manifests;
}

type Server = { pins: Map<string, Pin>; offers: Map<string, Offer> };

/**
 * What servers are known to be, and what of it is stopped. Kept in memory as the database has it; what this replica has
 * found to differ counts from that moment on, before it is durable, as a stop does.
 */
class PinnedManifests implements Manifests {
  readonly #parts: ManifestParts;
  #servers = new Map<string, Server>();
  /** Found to differ here, and not durable yet. */
  readonly #pending = new Map<string, ReadonlySet<string>>();
  readonly #work = new Map<string, Promise<void>>();
  readonly #listeners = new Set<() => void>();
  readonly #unlisten: () => void;
  #cancelRetry = (): void => {};
  #closed = false;

  constructor(parts: ManifestParts) {
    this.#parts = parts;
    this.#unlisten = parts.state.onChange(async (_version, topics) => {
      if (topics.has(TOPIC)) await this.refresh();
    });
  }

  /** A pin without the gateway's signature is none. */
  async refresh(): Promise<void> {
    const { db, signer, report } = this.#parts;
    const [pins, offers] = await Promise.all([store.loadPins(db), store.loadOffers(db)]);
    const servers = new Map<string, Server>();
    const at = (server: string): Server => {
      const known = servers.get(server) ?? { pins: new Map(), offers: new Map() };
      servers.set(server, known);
      return known;
    };
    for (const pin of pins) {
      if (signer.isSigned(pin)) at(pin.server).pins.set(keyOf(pin), pin);
      else report(`the pin of ${pin.kind} ${pin.name} of ${pin.server} is not signed by this gateway`, pin.pin);
    }
    for (const offer of offers) at(offer.server).offers.set(keyOf(offer), offer);
    this.#servers = servers;
    for (const listener of this.#listeners) listener();
  }

  check({ server, parts }: Offered) {
    const known = this.#servers.get(server);
    const pending = this.#pending.get(server);
    let facts: { manifest: string; pin_approval: string } | undefined;
    for (const part of parts) {
      const key = keyOf(part);
      const pin = known?.pins.get(key);
      if (pin === undefined) return refuse('tool_not_approved', `${describe(server, part)} was never approved`);
      const stopped = pending?.has(key) === true || known?.offers.has(key) === true;
      if (stopped || pin.digest !== part.digest) {
        return refuse('tool_changed', `${describe(server, part)} differs from its pin ${pin.pin}, or did`);
      }
      facts = { manifest: part.digest, pin_approval: pin.pin };
    }
    return facts ?? refuse('tool_not_approved', `nothing says what the request to ${server} rests on`);
  }

  admit(server: string, origin: ManifestPart): Refusal | undefined {
    const known = this.#knownOf(server);
    const key = keyOf(origin);
    if (known.pins.has(key)) {
      const found = this.check({ server, parts: [origin] });
      if (!isRefusal(found)) return undefined;
      void this.observe({ server, parts: [origin] }, false);
      return found;
    }
    const isRejected = known.offers.get(key)?.state === 'rejected';
    return isRejected ? refuse('tool_not_approved', `what ${server} is was rejected`) : undefined;
  }

  observe(manifest: ServerManifest, whole: boolean): Promise<void> {
    const { server } = manifest;
    const steps = this.#stepsFor(this.#knownOf(server), manifest, whole);
    if (isNothing(steps)) return this.#work.get(server) ?? Promise.resolve();
    this.#suspend(server, steps);
    const work = (this.#work.get(server) ?? Promise.resolve()).then(() => this.#takeUp(manifest, whole));
    const done = work.finally(() => {
      if (this.#work.get(server) === done) this.#work.delete(server);
    });
    this.#work.set(server, done);
    return done;
  }

  isKnown(manifest: ServerManifest): boolean {
    return isNothing(this.#stepsFor(this.#knownOf(manifest.server), manifest, false));
  }

  async list(): Promise<readonly PartEntry[]> {
    const { db } = this.#parts;
    const [pins, offers] = await Promise.all([store.loadPins(db), store.loadOffers(db)]);
    const parts = new Map<string, { pin?: Pin; offer?: Offer }>();
    const keyIn = (ref: PartRef) => `${ref.server}\n${keyOf(ref)}`;
    for (const pin of pins) if (this.#parts.signer.isSigned(pin)) parts.set(keyIn(pin), { pin });
    for (const offer of offers) parts.set(keyIn(offer), { ...parts.get(keyIn(offer)), offer });
    const drawn = new DrawnNames(pins);
    return [...parts.values()].map(({ pin, offer }) => entryOf(pin, offer, drawn));
  }

  async show(ref: PartRef): Promise<PartDetail | Refusal> {
    const entry = (await this.list()).find(
      ({ server, kind, name }) => server === ref.server && kind === ref.kind && name === ref.name,
    );
    if (entry === undefined) return refuse('not_found', `no ${ref.kind} ${ref.name} of ${ref.server} is known`);
    const { db } = this.#parts;
    const before = entry.pinned === null ? null : await store.pinnedDefinition(db, ref);
    const after = entry.offered === null ? before : await store.offeredDefinition(db, ref);
    const differences = differencesOf(before ?? undefined, after ?? undefined);
    return { ...entry, before, after, differences, flagged: after === null ? [] : flagsOf(after) };
  }

  async approve(server: string, decided: readonly Decided[], by: string, reason: string): Promise<Refusal | undefined> {
    let drawn: DrawnNames | undefined;
    return this.#decide(server, 'tool.approve', decided, { by, reason }, async (tx, known, { part, digest }, now) => {
      const ref = { server, ...part };
      const offer = known.offers.get(keyOf(part));
      if (offer === undefined || offer.digest !== digest) return notAsShown(ref);
      const definition = await store.offeredDefinition(tx, ref);
      await store.deleteOffer(tx, ref);
      if (offer.digest === null || definition === null) {
        await store.deletePin(tx, ref);
        return undefined;
      }
      drawn ??= new DrawnNames(await store.loadPins(tx));
      const alike = drawn.alike(part);
      if (alike !== undefined) return refuse('input_invalid', `${part.name} is drawn like ${alike}`, told(alike));
      drawn.add(part);
      return this.#pin(tx, { ...ref, digest: offer.digest }, definition, { basis: 'approved', by, now });
    });
  }

  reject(server: string, decided: readonly Decided[], by: string, reason: string): Promise<Refusal | undefined> {
    return this.#decide(server, 'tool.reject', decided, { by, reason }, async (tx, known, { part, digest }) => {
      const offer = known.offers.get(keyOf(part));
      if (offer === undefined || offer.digest !== digest) return notAsShown({ server, ...part });
      await store.rejectOffer(tx, { server, ...part });
      return undefined;
    });
  }

  async unpin(server: string, parts: readonly Omit<PartRef, 'server'>[] | 'all', by: string, reason: string) {
    const chosen = parts === 'all' ? [...this.#knownOf(server).pins.values()] : parts;
    if (chosen.length === 0) return refuse('not_found', `nothing of ${server} is pinned`);
    const decided = chosen.map(({ kind, name }) => ({ part: { kind, name }, digest: null }));
    return this.#decide(server, 'tool.unpin', decided, { by, reason }, async (tx, known, { part }, now) => {
      const ref = { server, ...part };
      const pin = known.pins.get(keyOf(part));
      if (pin === undefined) return refuse('not_found', `${describe(server, part)} is not pinned`);
      if (!known.offers.has(keyOf(part))) {
        const definition = await store.pinnedDefinition(tx, ref);
        const flags = definition === null ? 0 : flagsOf(definition).length;
        await store.saveOffer(tx, { ...ref, digest: pin.digest, state: 'waiting', seen_at: now, flags }, definition);
      }
      await store.deletePin(tx, ref);
      return undefined;
    });
  }

  waiting(): ReadonlyMap<string, number> {
    const counts = new Map<string, number>();
    for (const [server, { offers }] of this.#servers) {
      const waits = [...offers.values()].filter(({ state }) => state === 'waiting' || state === 'changed').length;
      if (waits > 0) counts.set(server, waits);
    }
    return counts;
  }

  onChange(changed: () => void): () => void {
    this.#listeners.add(changed);
    return () => this.#listeners.delete(changed);
  }

  close(): void {
    this.#closed = true;
    this.#cancelRetry();
    this.#unlisten();
  }

  #knownOf(server: string): Known {
    return this.#servers.get(server) ?? { pins: new Map(), offers: new Map() };
  }

  #stepsFor(known: Known, manifest: ServerManifest, whole: boolean): Steps {
    const pins = [...this.#servers.values()].flatMap((server) => [...server.pins.values()]);
    return reconcile(known, manifest, { first_use: this.#parts.first_use(), whole, drawn: new DrawnNames(pins) });
  }

  #suspend(server: string, { offer }: Steps): void {
    const changed = offer.filter(({ state }) => state === 'changed').map(({ part }) => keyOf(part));
    if (changed.length === 0) return;
    this.#pending.set(server, new Set([...(this.#pending.get(server) ?? []), ...changed]));
    for (const listener of this.#listeners) listener();
  }

  /** Tried until it is durable: what was found stays stopped here meanwhile. */
  async #takeUp(manifest: ServerManifest, whole: boolean): Promise<void> {
    const { server } = manifest;
    const done = await this.#change(async (tx, now) => {
      const steps = this.#stepsFor(await this.#read(tx, server), manifest, whole);
      return isNothing(steps) ? undefined : this.#write(tx, manifest, steps, now);
    }).catch((error: unknown) => refuse('log_unavailable', error instanceof Error ? error.message : String(error)));
    if (!isRefusal(done)) {
      this.#pending.delete(server);
      return;
    }
    this.#parts.report(`what ${server} offers could not be recorded`, done.reason);
    this.#cancelRetry = this.#parts.clock.after(RETRY_MS, () => {
      if (!this.#closed) void this.observe(manifest, whole);
    });
  }

  async #write(tx: Transaction, { server, parts }: ServerManifest, steps: Steps, now: number): Promise<undefined> {
    const before = pinsDigest(await store.loadPins(tx, server));
    for (const part of steps.pin) {
      await this.#pin(tx, { server, ...part }, part.definition, { basis: 'first_use', by: 'gateway', now });
    }
    for (const { part, state, flags } of steps.offer) {
      const { kind, name, digest, definition } = part;
      await store.saveOffer(tx, { server, kind, name, digest, state, seen_at: now, flags }, definition);
    }
    for (const ref of steps.removed) {
      await store.saveOffer(tx, { ...ref, digest: null, state: 'removed', seen_at: now, flags: 0 }, null);
    }
    for (const ref of steps.forget) await store.deleteOffer(tx, ref);
    const names = (refs: readonly { kind: string; name: string }[]) => refs.slice(0, NAMES_MAX).map(nameOf);
    const offered = pinsDigest(parts.map((part) => ({ ...part, server })));
    const { record } = this.#parts;
    if (steps.pin.length > 0) {
      const payload = { server, count: steps.pin.length, pinned: names(steps.pin) };
      await record(tx, { event: 'tool.pin', by: 'gateway', subject: server, before, after: offered, payload });
    }
    if (steps.offer.length + steps.removed.length + steps.forget.length > 0) {
      const of = (state: string) => names(steps.offer.flatMap((one) => (one.state === state ? [one.part] : [])));
      const payload = { server, changed: of('changed'), new: of('waiting'), removed: names(steps.removed) };
      await record(tx, { event: 'upstream.change', by: 'gateway', subject: server, before, after: offered, payload });
    }
    return undefined;
  }

  async #pin(
    tx: Transaction,
    part: PartRef & { digest: string },
    definition: JsonObject,
    { basis, by, now }: { basis: PinBasis; by: string; now: number },
  ): Promise<undefined> {
    const { server, kind, name, digest } = part;
    const id = newId('pin', this.#parts.random);
    const pin = { server, kind, name, digest, pin: id, pinned_at: now, pinned_by: by, basis };
    await store.savePin(tx, { ...pin, signature: this.#parts.signer.sign(pin) }, definition);
    await store.keepDefinition(tx, part, definition);
    return undefined;
  }

  #decide(
    server: string,
    event: 'tool.approve' | 'tool.reject' | 'tool.unpin',
    decided: readonly Decided[],
    { by, reason }: { by: string; reason: string },
    one: (tx: Transaction, known: Known, decided: Decided, now: number) => Promise<Refusal | undefined>,
  ): Promise<Refusal | undefined> {
    return this.#change(async (tx, now) => {
      const before = pinsDigest(await store.loadPins(tx, server));
      const known = await this.#read(tx, server);
      for (const each of decided) {
        const refused = await one(tx, known, each, now);
        if (isRefusal(refused)) return refused;
      }
      const after = pinsDigest(await store.loadPins(tx, server));
      const payload = { server, reason, parts: decided.slice(0, NAMES_MAX).map(({ part }) => nameOf(part)) };
      await this.#parts.record(tx, { event, by, subject: server, before, after, payload });
      return undefined;
    });
  }

  async #read(tx: Transaction, server: string): Promise<Known> {
    const pins = (await store.loadPins(tx, server)).filter((pin) => this.#parts.signer.isSigned(pin));
    const offers = await store.loadOffers(tx, server);
    return {
      pins: new Map(pins.map((pin) => [keyOf(pin), pin])),
      offers: new Map(offers.map((one) => [keyOf(one), one])),
    };
  }

  async #change(work: (tx: Transaction, now: number) => Promise<Refusal | undefined>): Promise<Refusal | undefined> {
    const done = await transact<undefined>(this.#parts, async (tx) => {
      await this.#parts.state.bump(tx, TOPIC);
      return work(tx, await tx.now());
    });
    if (isRefusal(done)) return done;
    await this.refresh().catch((error: unknown) => {
      this.#parts.report('a change of pins was made and could not be read back', error);
    });
    return undefined;
  }
}

function entryOf(pin: Pin | undefined, offer: Offer | undefined, drawn: DrawnNames): PartEntry {
  const { server, kind, name } = (pin ?? offer) as PartRef;
  const pinned = pin && { digest: pin.digest, pin: pin.pin, at: pin.pinned_at, by: pin.pinned_by, basis: pin.basis };
  const alike = pin === undefined ? drawn.alike({ kind, name }) : undefined;
  return {
    server,
    kind,
    name,
    state: offer?.state ?? 'pinned',
    pinned: pinned ?? null,
    offered: offer ? { digest: offer.digest, at: offer.seen_at } : null,
    flags: offer?.flags ?? 0,
    refused: alike === undefined ? null : `Its name is drawn like that of ${alike}, which is pinned.`,
  };
}

function told(alike: string): { public: string } {
  return {
    public: `Its name is drawn like that of ${alike}, which is pinned: agents and people would take it for that.`,
  };
}

function notAsShown(ref: PartRef): Refusal {
  const shown = 'What waits is not what you were shown, or nothing waits. Look again.';
  return refuse('input_invalid', `${describe(ref.server, ref)}: another digest waits, or none`, { public: shown });
}

function describe(server: string, part: Pick<ManifestPart, 'kind' | 'name'>): string {
  return part.name === '' ? `${part.kind} ${server}` : `${part.kind} ${server}/${part.name}`;
}

function nameOf({ kind, name }: { kind: string; name: string }): string {
  return name === '' ? kind : `${kind} ${name}`;
}

function pinsDigest(parts: readonly { kind: string; name: string; digest: string }[]): string | null {
  if (parts.length === 0) return null;
  return digestOf(parts.map(({ kind, name, digest }) => [kind, name, digest]).sort());
}
