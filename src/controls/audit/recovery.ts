import type { Database } from '../../storage/index.ts';
import { isSignedBy, logVerifier, parseCheckpoint, type ReadCheckpoint } from './checkpoint.ts';
import { Edge, partial } from './edge.ts';
import type { LogFiles } from './files.ts';
import { type LedgerKeys, ledgerVerifierKey } from './keys.ts';
import { CHECKPOINT, HIGH_WATER, SETTLED } from './published-names.ts';
import type { Publisher } from './publisher.ts';
import { followTo, LogForked } from './sequencer.ts';
import type { HeadRow } from './store.ts';
import {
  bundlePath,
  decodeBundle,
  decodeHashes,
  HASH_BYTES,
  hashesOn,
  hashTilePath,
  levelsOf,
  TILE_WIDTH,
} from './tiles.ts';

export type RecoveryParts = {
  db: Database;
  files: LogFiles;
  highWater: LogFiles;
  keys: LedgerKeys;
};

/** Entries that are appended before what became full of them is written out. */
const STEP = 4_096;

/**
 * The tree as the database has it, once it is shown to extend what was published before: the high-water checkpoint and the
 * newest published one. A database put back from a backup, or one that someone rewrote, does not.
 * @throws LogForked with what does not fit
 */
export async function recover(parts: RecoveryParts, head: HeadRow, publisher: Publisher): Promise<Edge> {
  const published = await readSigned(parts, parts.files, CHECKPOINT, head.origin);
  const highWater = await readSigned(parts, parts.highWater, HIGH_WATER, head.origin);
  const settled = await readSigned(parts, parts.files, SETTLED, head.origin);
  const seen = [settled, published, highWater].filter((checkpoint) => checkpoint !== undefined);
  for (const { size } of seen) {
    if (size > head.size) {
      throw new LogForked(`the database's log has ${head.size} entries, but a checkpoint of ${size} was published`);
    }
  }
  let edge = (settled && (await restoreEdge(parts.files, settled))) ?? Edge.empty();
  const marks = [...seen, { size: head.size, root: head.root }].toSorted((a, b) => a.size - b.size);
  for (const { size, root } of marks) {
    if (size < edge.size) continue;
    edge = await extend(parts.db, edge, size, publisher);
    if (edge.root() !== root)
      throw new LogForked(`the database's first ${size} entries are not those published before`);
  }
  return edge;
}

/** Grows the edge to `size`, writing out what becomes full on the way: a log may be larger than memory. */
export async function extend(db: Database, from: Edge, size: number, publisher: Publisher): Promise<Edge> {
  let edge = from;
  while (edge.size < size) {
    const grown = await followTo(db, edge, Math.min(size, edge.size + STEP));
    grown.inherit(edge);
    edge = grown;
    if (edge.size < size) await publisher.store(edge.takeFull());
  }
  return edge;
}

async function readSigned(
  { keys }: RecoveryParts,
  files: LogFiles,
  path: string,
  origin: string,
): Promise<ReadCheckpoint | undefined> {
  const bytes = await files.read(path);
  if (bytes === undefined) return undefined;
  const checkpoint = parseCheckpoint(Buffer.from(bytes).toString('utf8'));
  if (checkpoint === undefined) throw new LogForked(`the file ${path} is not a checkpoint`);
  if (checkpoint.origin !== origin) {
    throw new LogForked(`the file ${path} is of the log ${checkpoint.origin}, the database's is ${origin}`);
  }
  const key = logVerifier(ledgerVerifierKey(keys, origin));
  if (key === undefined || !isSignedBy(checkpoint, key))
    throw new LogForked(`the file ${path} is not signed by this log`);
  return checkpoint;
}

/** From the published tiles, if they are whole; else undefined, and the tree is built anew from the database. */
async function restoreEdge(files: LogFiles, { size, root }: ReadCheckpoint): Promise<Edge | undefined> {
  const levels: string[][] = [];
  for (let level = 0; level < levelsOf(size); level += 1) {
    const index = Math.floor(hashesOn(level, size) / TILE_WIDTH);
    const path = (width: number) => hashTilePath(level, index, width);
    const hashes = await readPart(files, path, partial(level, size), allHashes);
    if (hashes === undefined) return undefined;
    levels.push(hashes);
  }
  const path = (width: number) => bundlePath(Math.floor(size / TILE_WIDTH), width);
  const entries = await readPart(files, path, partial(0, size), decodeBundle);
  if (entries === undefined) return undefined;
  const edge = Edge.restore(size, levels, entries);
  return edge.root() === root ? edge : undefined;
}

/** The first `width` items of an incomplete file, or of the full one that took its place since. */
async function readPart(
  files: LogFiles,
  path: (width: number) => string,
  width: number,
  decode: (bytes: Uint8Array) => string[] | undefined,
): Promise<string[] | undefined> {
  if (width === 0) return [];
  const bytes = (await files.read(path(width))) ?? (await files.read(path(TILE_WIDTH)));
  const items = bytes && decode(bytes);
  return items !== undefined && items.length >= width ? items.slice(0, width) : undefined;
}

function allHashes(bytes: Uint8Array): string[] | undefined {
  return decodeHashes(bytes, bytes.length / HASH_BYTES);
}
