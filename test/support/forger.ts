import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parseCheckpoint, signCheckpoint } from '../../src/controls/audit/checkpoint.ts';
import { Edge } from '../../src/controls/audit/edge.ts';
import type { LedgerKeys } from '../../src/controls/audit/index.ts';
import { leafHash } from '../../src/controls/audit/merkle.ts';
import {
  bundlePath,
  decodeBundle,
  encodeBundle,
  encodeHashes,
  hashesOn,
  hashTilePath,
} from '../../src/controls/audit/tiles.ts';

/** One who holds the disk and, where it says so, the log's signing key. */
export function sizeOf(folder: string): number {
  return parseCheckpoint(readFileSync(join(folder, 'checkpoint'), 'utf8'))!.size;
}

/** All entries of a log as published. */
export function readEntries(folder: string): string[] {
  const size = sizeOf(folder);
  const entries: string[] = [];
  for (let index = 0; index * 256 < size; index += 1) {
    const path = bundlePath(index, Math.min(256, size - index * 256));
    entries.push(...decodeBundle(readFileSync(join(folder, path)))!);
  }
  return entries;
}

function put(folder: string, path: string, bytes: Uint8Array | string): void {
  mkdirSync(dirname(join(folder, path)), { recursive: true });
  writeFileSync(join(folder, path), bytes);
}

/** Replaces the bundles and nothing else. `size` is what the checkpoint says; the last bundle may not fill its name. */
export function writeBundles(folder: string, entries: readonly string[], size: number): void {
  for (let index = 0; index * 256 < size; index += 1) {
    const width = Math.min(256, size - index * 256);
    put(folder, bundlePath(index, width), encodeBundle(entries.slice(index * 256, index * 256 + width)));
  }
}

/** Builds tiles, bundles and checkpoint anew over `entries` and signs them with the log's own key. */
export function resign(folder: string, entries: readonly string[], keys: LedgerKeys): void {
  const { origin } = parseCheckpoint(readFileSync(join(folder, 'checkpoint'), 'utf8'))!;
  rmSync(join(folder, 'tile'), { recursive: true });
  const edge = Edge.empty();
  for (const entry of entries) edge.append(entry, leafHash(entry));
  const { tiles, levels, size, root } = edge.take();
  writeBundles(folder, entries, size);
  for (const { level, index, hashes } of tiles) put(folder, hashTilePath(level, index, 256), encodeHashes(hashes));
  for (const [level, hashes] of levels.entries()) {
    const index = Math.floor(hashesOn(level, size) / 256);
    if (hashes.length > 0) put(folder, hashTilePath(level, index, hashes.length), encodeHashes(hashes));
  }
  put(folder, 'checkpoint', signCheckpoint({ origin, size, root }, keys.signing));
}

/** Makes each receipt name the one before it again, and counts them anew where some are missing. */
export function rechain(entries: readonly string[]): string[] {
  const last = new Map<number, { n: number; leaf: string }>();
  return entries.map((entry) => {
    const receipt = JSON.parse(entry);
    const before = last.get(receipt.epoch);
    const n = before === undefined ? 0 : before.n + 1;
    const text = JSON.stringify({ ...receipt, n, prev: before?.leaf ?? null });
    last.set(receipt.epoch, { n, leaf: leafHash(text) });
    return text;
  });
}
