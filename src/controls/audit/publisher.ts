import type { Clock } from '../../core/clock.ts';
import { parseCheckpoint, signCheckpoint } from './checkpoint.ts';
import type { Full, FullBundle, FullTile, Publication } from './edge.ts';
import type { LogFiles } from './files.ts';
import { type LedgerKeys, ledgerVerifierKey } from './keys.ts';
import type { Hash } from './merkle.ts';
import { CHECKPOINT, HIGH_WATER, SETTLED, VERIFIER_KEY } from './published-names.ts';
import { encodeBundle, encodeHashes, hashesOn, levelsOf, partialsPath, TILE_WIDTH, tilePath } from './tiles.ts';
import type { Cosigner } from './witness.ts';

export type PublisherParts = {
  clock: Clock;
  origin: string;
  keys: LedgerKeys;
  files: LogFiles;
  highWater: LogFiles;
  cosigner: Cosigner | undefined;
  report: (problem: string, error: unknown) => void;
};

export type Published = { text: string; size: number; root: Hash; at: number; witnesses: readonly string[] };

/**
 * Publishes the log as static files: full tiles and bundles once, incomplete ones under their width, and last the
 * checkpoint that covers them, so that whoever holds a checkpoint finds all that it promises. Size and root are durable in
 * the database before they come here to be signed.
 *
 * Tiles can be made anew from the database, so they are not flushed one by one, which would cost as much as the commits; a
 * marker says up to which checkpoint they are on the disk, and a start goes on from there.
 */
export class Publisher {
  readonly #parts: PublisherParts;
  /** Full, and not yet written; kept over failures. */
  readonly #tiles: FullTile[] = [];
  readonly #bundles: FullBundle[] = [];
  /** Full ones written since the last checkpoint that is settled, and the incomplete ones of the newest. */
  readonly #unsettled: string[] = [];
  #partials: string[] = [];
  /** Folders of incomplete tiles, which are removed when the tile is full. */
  readonly #folders: Set<string>;
  #settled: Published | undefined;
  #newest: Published | undefined;
  #hasKey = false;
  /** Files may have been lost since they were written: the next publication writes them again. */
  #isTorn: boolean;

  constructor(parts: PublisherParts, newest: Published | undefined, settled: string | undefined) {
    this.#parts = parts;
    this.#newest = newest;
    this.#isTorn = newest?.text !== settled;
    this.#folders = new Set(newest === undefined ? [] : partialFolders(newest.size));
    this.#settled = this.#isTorn ? undefined : newest;
  }

  get newest(): Published | undefined {
    return this.#newest;
  }

  /** Whether there is something to publish for a log of `size` entries. */
  isDue(size: number): boolean {
    return size > 0 && (this.#isTorn || size !== this.#newest?.size);
  }

  /** Writes what became full, without a checkpoint that covers it yet. */
  async store({ tiles, bundles }: Full): Promise<void> {
    this.#tiles.push(...tiles);
    this.#bundles.push(...bundles);
    await this.#writeFull();
  }

  async publish(publication: Publication): Promise<void> {
    await this.store(publication);
    await this.#writePartial(publication);
    await this.#checkpoint(publication.size, publication.root);
    this.#isTorn = false;
  }

  async #writeFull(): Promise<void> {
    for (const { index, entries } of [...this.#bundles]) {
      await this.#full('entries', index, encodeBundle(entries));
      this.#bundles.shift();
    }
    for (const { level, index, hashes } of [...this.#tiles]) {
      await this.#full(String(level), index, encodeHashes(hashes));
      this.#tiles.shift();
    }
  }

  async #full(kind: string, index: number, bytes: Uint8Array): Promise<void> {
    const path = tilePath(kind, index, TILE_WIDTH);
    await this.#parts.files.write(path, bytes, { durable: false });
    this.#unsettled.push(path);
    const partials = partialsPath(kind, index);
    if (this.#folders.delete(partials)) await this.#parts.files.remove(partials);
  }

  /** Flushes what was written, and marks the newest checkpoint as settled. */
  async settle(): Promise<void> {
    const newest = this.#newest;
    if (newest === undefined || newest === this.#settled || this.#isTorn) return;
    const paths = this.#unsettled.splice(0);
    try {
      await this.#parts.files.flush([...paths, ...this.#partials]);
    } catch (error) {
      this.#unsettled.push(...paths);
      throw error;
    }
    await this.#parts.files.write(SETTLED, Buffer.from(newest.text), { durable: true });
    this.#settled = newest;
  }

  async #writePartial({ size, levels, entries }: Publication): Promise<void> {
    const { files } = this.#parts;
    const put = async (kind: string, index: number, width: number, bytes: Uint8Array) => {
      const path = tilePath(kind, index, width);
      await files.write(path, bytes, { durable: false });
      this.#partials.push(path);
      this.#folders.add(partialsPath(kind, index));
    };
    this.#partials = [];
    const full = Math.floor(size / TILE_WIDTH);
    if (entries.length > 0) await put('entries', full, entries.length, encodeBundle(entries));
    for (const [level, hashes] of levels.entries()) {
      if (hashes.length === 0) continue;
      const index = Math.floor(hashesOn(level, size) / TILE_WIDTH);
      await put(String(level), index, hashes.length, encodeHashes(hashes));
    }
  }

  async #checkpoint(size: number, root: Hash): Promise<void> {
    const { origin, keys, cosigner, report } = this.#parts;
    const text = signCheckpoint({ origin, size, root }, keys.signing);
    if (cosigner === undefined) return this.#release({ text, size, root }, []);
    if (cosigner.required === 0) await this.#release({ text, size, root }, []);
    const cosigned = await cosigner.cosign(text, this.#newest?.size ?? 0);
    const names = cosigned.map(({ name }) => name);
    if (names.length < cosigner.required) {
      report(
        `only ${names.length} of ${cosigner.required} witnesses cosigned the checkpoint of ${size} entries`,
        undefined,
      );
      return;
    }
    if (names.length > 0)
      await this.#release({ text: text + cosigned.map(({ line }) => line).join(''), size, root }, names);
  }

  async #release(signed: { text: string; size: number; root: Hash }, witnesses: readonly string[]): Promise<void> {
    const bytes = Buffer.from(signed.text);
    await this.#parts.highWater.write(HIGH_WATER, bytes, { durable: true });
    await this.#publishKey();
    await this.#parts.files.write(CHECKPOINT, bytes, { durable: true });
    this.#newest = { ...signed, at: this.#parts.clock.now(), witnesses };
  }

  async #publishKey(): Promise<void> {
    if (this.#hasKey) return;
    const text = `${ledgerVerifierKey(this.#parts.keys, this.#parts.origin)}\n`;
    await this.#parts.files.write(VERIFIER_KEY, Buffer.from(text), { durable: false });
    this.#hasKey = true;
  }
}

/** A checkpoint read back from a file. */
export function publishedBefore(text: string, at: number): Published | undefined {
  const checkpoint = parseCheckpoint(text);
  if (checkpoint === undefined) return undefined;
  const { origin, size, root, note } = checkpoint;
  const witnesses = note.signatures.map(({ name }) => name).filter((name) => name !== origin);
  return { text, size, root, at, witnesses };
}

/** Where a log of that size has incomplete tiles. */
function partialFolders(size: number): string[] {
  const tiles = Array.from({ length: levelsOf(size) }, (_, level) =>
    partialsPath(String(level), Math.floor(hashesOn(level, size) / TILE_WIDTH)),
  );
  return [partialsPath('entries', Math.floor(size / TILE_WIDTH)), ...tiles];
}
