import type { ManifestPart, ServerManifest } from '../../../core/manifest.ts';
import { flagsOf, skeletonOf } from '../../../core/unseen-text.ts';
import type { FirstUse, PartRef } from './contract.ts';
import { keyOf, type Offer, type OfferState, type Pin } from './store.ts';

/** What is known of one server's parts. */
export type Known = { pins: ReadonlyMap<string, Pin>; offers: ReadonlyMap<string, Offer> };

/** What has to be written so that what is known fits what is offered. */
export type Steps = {
  pin: ManifestPart[];
  offer: { part: ManifestPart; state: OfferState; flags: number }[];
  removed: PartRef[];
  forget: PartRef[];
};

export type Meeting = {
  first_use: FirstUse;
  /** Whether the manifest says all that the server offers. */
  whole: boolean;
  drawn: DrawnNames;
};

/**
 * Compares what a server offers with what is known of it. Once something has differed from its pin it stays stopped until
 * a person decides, also where the server takes it back: what it did between two readings nobody knows.
 */
export function reconcile(known: Known, manifest: ServerManifest, meeting: Meeting): Steps {
  const steps: Steps = { pin: [], offer: [], removed: [], forget: [] };
  const all = manifest.parts;
  const isFirst = known.pins.size === 0 && known.offers.size === 0;
  const twins = isFirst ? twinsAmong(all) : new Set<ManifestPart>();
  for (const part of all) {
    const flags = flagsOf(part.definition).length;
    const isPlain = flags === 0 && !twins.has(part) && meeting.drawn.alike(part) === undefined;
    if (isFirst && meeting.first_use === 'trust' && isPlain) steps.pin.push(part);
    else stepOf(known, manifest.server, part, flags, steps);
  }
  if (meeting.whole) missing(known, manifest, all, steps);
  return steps;
}

function stepOf(known: Known, server: string, part: ManifestPart, flags: number, steps: Steps): void {
  const key = keyOf(part);
  const pin = known.pins.get(key);
  const offer = known.offers.get(key);
  const asPinned = pin?.digest === part.digest;
  if (asPinned && offer === undefined) return;
  if (asPinned && offer?.state === 'removed') steps.forget.push({ server, kind: part.kind, name: part.name });
  else if (offer?.digest !== part.digest) steps.offer.push({ part, state: pin ? 'changed' : 'waiting', flags });
}

function missing(known: Known, { server }: ServerManifest, all: readonly ManifestPart[], steps: Steps): void {
  const offered = new Set(all.map(keyOf));
  for (const [key, { kind, name }] of known.pins) {
    if (!offered.has(key) && !known.offers.has(key)) steps.removed.push({ server, kind, name });
  }
  for (const [key, { kind, name, state }] of known.offers) {
    if (!offered.has(key) && !known.pins.has(key) && state === 'waiting') steps.forget.push({ server, kind, name });
  }
}

export function isNothing({ pin, offer, removed, forget }: Steps): boolean {
  return pin.length + offer.length + removed.length + forget.length === 0;
}

/** Parts of one kind whose names are drawn alike: which of them is the real one, a person has to say. */
function twinsAmong(parts: readonly ManifestPart[]): Set<ManifestPart> {
  const drawn = new Map<string, ManifestPart[]>();
  for (const part of parts) {
    const skeleton = `${part.kind} ${skeletonOf(part.name)}`;
    drawn.set(skeleton, [...(drawn.get(skeleton) ?? []), part]);
  }
  return new Set([...drawn.values()].filter((alike) => alike.length > 1).flat());
}

/** Names that are pinned, on whatever server, by how they are drawn. */
export class DrawnNames {
  readonly #drawn = new Map<string, Set<string>>();

  constructor(parts: Iterable<Pick<PartRef, 'kind' | 'name'>>) {
    for (const part of parts) this.add(part);
  }

  add({ kind, name }: Pick<PartRef, 'kind' | 'name'>): void {
    const skeleton = `${kind} ${skeletonOf(name)}`;
    const names = this.#drawn.get(skeleton);
    if (names === undefined) this.#drawn.set(skeleton, new Set([name]));
    else names.add(name);
  }

  /** Another name that is drawn like this one; undefined where this one is there itself. */
  alike({ kind, name }: Pick<PartRef, 'kind' | 'name'>): string | undefined {
    const names = this.#drawn.get(`${kind} ${skeletonOf(name)}`);
    return names === undefined || names.has(name) ? undefined : [...names][0];
  }
}
