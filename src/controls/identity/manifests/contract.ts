import type { JsonObject } from '../../../core/json.ts';
import type { Difference, ManifestKind, ManifestPart, Offered, ServerManifest } from '../../../core/manifest.ts';
import type { Refusal } from '../../../core/refusal.ts';
import type { Flag } from '../../../core/unseen-text.ts';

/**
 * What a server that nobody has seen before is met with. `approve`: everything it offers waits for a person. `trust`: it is
 * pinned as it is found, but for what a person could not have read. Either way whatever changes later waits.
 */
export type FirstUse = 'approve' | 'trust';

/** `approved`: a person looked. `first_use`: nobody did; it is what the server offered when it was met. */
export type PinBasis = 'approved' | 'first_use';

/**
 * - `pinned`: what is offered is what was pinned.
 * - `waiting`: never pinned; nobody may use it.
 * - `changed`: it differs from its pin, or did since: stopped until a person decides, whatever the server does meanwhile.
 * - `rejected`: a person looked at what is offered, and it stays stopped.
 * - `removed`: pinned, and not offered any more.
 */
export type PartState = 'pinned' | 'waiting' | 'changed' | 'rejected' | 'removed';

export type PartRef = { server: string; kind: ManifestKind; name: string };

export type PartEntry = PartRef & {
  state: PartState;
  pinned: { digest: string; pin: string; at: number; by: string; basis: PinBasis } | null;
  /** What waits; `digest` is null where it is not offered any more. */
  offered: { digest: string | null; at: number } | null;
  /** How much of what waits is text that nobody sees. */
  flags: number;
  /** Why it cannot be approved: its name is drawn like another's. */
  refused: string | null;
};

export type PartDetail = PartEntry & {
  before: JsonObject | null;
  after: JsonObject | null;
  differences: readonly Difference[];
  flagged: readonly Flag[];
};

/** What a receipt says of the tool that a call rests on (DESIGN, section 5). */
export type ToolFacts = { manifest: string; pin_approval: string };

export type Decided = { part: Omit<PartRef, 'server'>; digest: string | null };

export interface Manifests {
  /** `check tool manifest`: whether all that a request rests on is what was pinned, and by which pin. Synchronous. */
  check(offered: Offered): ToolFacts | Refusal;
  /**
   * Before a program is started, or anything is sent: whether what is there now may be. An unknown server may, for it has to
   * be asked what it offers; one that is not what was pinned may not, and that it is another is taken up.
   */
  admit(server: string, origin: ManifestPart): Refusal | undefined;
  /**
   * Takes up what a server offers. What differs from its pin is stopped here before the first await, everywhere once this
   * resolves. `whole`: a part that is missing is one that the server does not offer any more.
   */
  observe(manifest: ServerManifest, whole: boolean): Promise<void>;
  /** Whether all of this is known here as it is: pinned, or waiting. */
  isKnown(manifest: ServerManifest): boolean;
  list(): Promise<readonly PartEntry[]>;
  show(part: PartRef): Promise<PartDetail | Refusal>;
  /** Pins what waits, by the digest that was shown: another one is refused. */
  approve(server: string, decided: readonly Decided[], by: string, reason: string): Promise<Refusal | undefined>;
  /** What waits stays stopped, and is not asked about again. */
  reject(server: string, decided: readonly Decided[], by: string, reason: string): Promise<Refusal | undefined>;
  /** Takes pins back. What is in flight on them is cut. */
  unpin(
    server: string,
    parts: readonly Omit<PartRef, 'server'>[] | 'all',
    by: string,
    reason: string,
  ): Promise<Refusal | undefined>;
  /** How many parts wait for a person, by server. */
  waiting(): ReadonlyMap<string, number>;
  /** Called after pins or what is stopped have changed, on whatever replica. */
  onChange(changed: () => void): () => void;
  close(): void;
}
