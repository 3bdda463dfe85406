import { type Hash, rootOver } from './merkle.ts';
import type { NodeReader } from './proofs.ts';

/** C2SP tlog-tiles: the tree and its entries as static files, 256 to a file. */
export const TILE_WIDTH = 256;
/** The length before each entry is 16 bits. */
export const ENTRY_BYTES_MAX = 65_535;
export const HASH_BYTES = 32;

/** How many hashes the tree of `size` has on `level`. */
export function hashesOn(level: number, size: number): number {
  return Math.floor(size / TILE_WIDTH ** level);
}

/** Levels that have at least one hash. */
export function levelsOf(size: number): number {
  let levels = 0;
  while (hashesOn(levels, size) > 0) levels += 1;
  return levels;
}

/** `x001/x234/067` for 1234067. */
function tileNumber(index: number): string {
  const groups: string[] = [String(index % 1000).padStart(3, '0')];
  for (let rest = Math.floor(index / 1000); rest > 0; rest = Math.floor(rest / 1000)) {
    groups.unshift(`x${String(rest % 1000).padStart(3, '0')}`);
  }
  return groups.join('/');
}

/** `kind`: a level, or `entries`. */
export function tilePath(kind: string, index: number, width: number): string {
  const path = `tile/${kind}/${tileNumber(index)}`;
  return width === TILE_WIDTH ? path : `${path}.p/${width}`;
}

export function hashTilePath(level: number, index: number, width: number): string {
  return tilePath(String(level), index, width);
}

export function bundlePath(index: number, width: number): string {
  return tilePath('entries', index, width);
}

/** The folder of a tile's partial forms, which are of no use once it is full. */
export function partialsPath(kind: string, index: number): string {
  return `tile/${kind}/${tileNumber(index)}.p`;
}

export function encodeHashes(hashes: readonly Hash[]): Buffer {
  return Buffer.from(hashes.join(''), 'hex');
}

/** Undefined where the bytes are not `width` hashes. */
export function decodeHashes(bytes: Uint8Array, width: number): Hash[] | undefined {
  if (bytes.length !== width * HASH_BYTES) return undefined;
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('hex');
  return Array.from({ length: width }, (_, at) => text.slice(at * 64, at * 64 + 64));
}

/** Each entry after its length, 16 bits, big-endian. */
export function encodeBundle(entries: readonly string[]): Buffer {
  const lengths = entries.map((entry) => Buffer.byteLength(entry));
  const bytes = Buffer.allocUnsafe(lengths.reduce((sum, length) => sum + length + 2, 0));
  let at = 0;
  for (const [index, entry] of entries.entries()) {
    at = bytes.writeUInt16BE(lengths[index]!, at);
    at += bytes.write(entry, at);
  }
  return bytes;
}

/** Where the entries of a bundle lie; undefined where its lengths do not add up. */
export function entryBounds(bytes: Uint8Array): { from: number; to: number }[] | undefined {
  const bounds: { from: number; to: number }[] = [];
  let at = 0;
  while (at < bytes.length) {
    const from = at + 2;
    const to = from + bytes[at]! * 256 + (bytes[at + 1] ?? 0);
    if (to > bytes.length) return undefined;
    bounds.push({ from, to });
    at = to;
  }
  return bounds;
}

export function decodeBundle(bytes: Uint8Array): string[] | undefined {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  return entryBounds(bytes)?.map(({ from, to }) => buffer.toString('utf8', from, to));
}

/** Reads hashes of one level of the tree of `size`; each tile is read once. */
export function tileNodes(size: number, read: (path: string) => Promise<Uint8Array | undefined>): NodeReader {
  const tiles = new Map<string, Promise<Hash[]>>();
  const load = async (level: number, tile: number, width: number): Promise<Hash[]> => {
    const path = hashTilePath(level, tile, width);
    // The full tile takes the place of an incomplete one, and begins with the same.
    const bytes =
      (await read(path)) ?? (await read(hashTilePath(level, tile, TILE_WIDTH)))?.subarray(0, width * HASH_BYTES);
    const hashes = bytes && decodeHashes(bytes, width);
    if (hashes === undefined) throw new Error(`${path} is missing or has another size`);
    return hashes;
  };
  return async (height, index) => {
    const level = Math.floor(height / 8);
    const span = 2 ** (height % 8);
    const first = index * span;
    const tile = Math.floor(first / TILE_WIDTH);
    const hashes = tiles.get(`${level} ${tile}`) ?? load(level, tile, widthOf(level, tile, size));
    tiles.set(`${level} ${tile}`, hashes);
    const within = first - tile * TILE_WIDTH;
    return rootOver((await hashes).slice(within, within + span));
  };
}

/** Width of one tile in the tree of `size`. */
export function widthOf(level: number, tile: number, size: number): number {
  return Math.min(TILE_WIDTH, hashesOn(level, size) - tile * TILE_WIDTH);
}
