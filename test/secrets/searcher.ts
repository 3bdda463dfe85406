import { closeSync, existsSync, fstatSync, openSync, readdirSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { brotliDecompressSync, gunzipSync, inflateRawSync, inflateSync } from 'node:zlib';

/** A secret that may stand in one place only; `value` is text. */
export type Mark = { name: string; value: string };
export type Find = { mark: string; form: string; place: string; at: number };

const PART_CHARACTERS = 11;
const UNPACKED_BYTES_MAX = 16 * 1024 * 1024;
const UNPACKED_DEPTH_MAX = 3;
const WINDOW_BYTES = 64 * 1024 * 1024;

type Needle = { mark: string; form: string; bytes: Buffer };

/** Looks for marks in every form at once: one pass over the bytes, by their first three. */
export class Searcher {
  readonly #begins = new Uint8Array(1 << 24);
  readonly #needles = new Map<number, Needle[]>();

  constructor(marks: readonly Mark[]) {
    for (const { name, value } of marks) {
      for (const [form, bytes] of formsOf(value)) this.#add({ mark: name, form, bytes });
    }
  }

  /** In the bytes, and in whatever is packed in them. */
  search(bytes: Buffer, place: string, depth = 0): Find[] {
    const found = this.#scan(bytes, place);
    if (depth < UNPACKED_DEPTH_MAX) {
      for (const [what, unpacked] of packedIn(bytes))
        found.push(...this.search(unpacked, `${place} ${what}`, depth + 1));
    }
    return found;
  }

  searchText(text: string, place: string): Find[] {
    return this.search(Buffer.from(text, 'utf8'), place);
  }

  /** Every file below, but for what `skip` names; names of files too. Returns how much was read beside what was found. */
  searchFolder(
    folder: string,
    place: string,
    skip: (path: string) => boolean,
  ): { found: Find[]; bytes: number; files: number } {
    const total = { found: [] as Find[], bytes: 0, files: 0 };
    for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
      const path = join(entry.parentPath, entry.name);
      if (skip(path)) continue;
      total.found.push(...this.searchText(entry.name, `${place}, a name`));
      // Files beside their place are moved there while we look.
      if (!entry.isFile() || !existsSync(path)) continue;
      total.files += 1;
      for (const part of windowsOf(path)) {
        total.bytes += part.length;
        total.found.push(...this.search(part, `${place}: ${path.slice(folder.length)}`));
      }
    }
    return total;
  }

  #add(needle: Needle): void {
    const { bytes } = needle;
    if (bytes.length < 3) throw new Error(`${needle.mark} is too short to look for`);
    const key = keyAt(bytes, 0);
    this.#begins[key] = 1;
    const known = this.#needles.get(key);
    if (known === undefined) this.#needles.set(key, [needle]);
    else known.push(needle);
  }

  #scan(bytes: Buffer, place: string): Find[] {
    const found: Find[] = [];
    const begins = this.#begins;
    const end = bytes.length - 2;
    for (let at = 0; at < end; at++) {
      const key = (bytes[at]! << 16) | (bytes[at + 1]! << 8) | bytes[at + 2]!;
      if (begins[key] === 0) continue;
      for (const { mark, form, bytes: needle } of this.#needles.get(key) ?? []) {
        if (at + needle.length <= bytes.length && needle.compare(bytes, at, at + needle.length) === 0)
          found.push({ mark, form, place, at });
      }
    }
    return found;
  }
}

function keyAt(bytes: Buffer, at: number): number {
  return (bytes[at]! << 16) | (bytes[at + 1]! << 8) | bytes[at + 2]!;
}

function* windowsOf(path: string): Generator<Buffer> {
  let file: number;
  try {
    file = openSync(path, 'r');
  } catch {
    return;
  }
  try {
    const overlap = 64 * 1024;
    for (let at = 0; ; at += WINDOW_BYTES - overlap) {
      const part = Buffer.alloc(Math.min(WINDOW_BYTES, Math.max(1, fstatSync(file).size - at)));
      const read = readSync(file, part, 0, part.length, at);
      yield part.subarray(0, read);
      if (read < WINDOW_BYTES) return;
    }
  } finally {
    closeSync(file);
  }
}

/** The value as it is, written on, and in parts, as a program would split it over fields or lines. */
export function formsOf(value: string): [form: string, bytes: Buffer][] {
  const plain = Buffer.from(value, 'utf8');
  const hex = plain.toString('hex');
  const every = [...plain].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join('');
  const forms: [string, string | Buffer][] = [
    ['plain', value],
    ['utf16le', Buffer.from(value, 'utf16le')],
    ['utf16be', Buffer.from(value, 'utf16le').swap16()],
    ['hex', hex],
    ['hex', hex.toUpperCase()],
    ['url', encodeURIComponent(value)],
    ['url', encodeURIComponent(value).replaceAll(/%[0-9A-F]{2}/g, (code) => code.toLowerCase())],
    ['url, every byte', every],
    ['url, every byte', every.toUpperCase()],
    ['json', JSON.stringify(value).slice(1, -1)],
    ['reversed', [...value].reverse().join('')],
    ...[0, 1, 2].flatMap((offset) => base64At(plain, offset)),
    ...partsOf(value),
  ];
  const seen = new Set<string>();
  return forms
    .map(([form, text]): [string, Buffer] => [form, typeof text === 'string' ? Buffer.from(text, 'utf8') : text])
    .filter(
      ([, bytes]) => bytes.length > 0 && !seen.has(bytes.toString('latin1')) && seen.add(bytes.toString('latin1')),
    );
}

function base64At(bytes: Buffer, offset: number): [string, string][] {
  const first = Math.ceil((offset * 8) / 6);
  const end = Math.floor(((offset + bytes.length) * 8) / 6);
  const padded = Buffer.concat([Buffer.alloc(offset), bytes]);
  return [
    [`base64 at ${offset}`, padded.toString('base64').slice(first, end)],
    [`base64url at ${offset}`, padded.toString('base64url').slice(first, end)],
  ];
}

function partsOf(value: string): [string, string][] {
  const parts: [string, string][] = [];
  for (let at = 0; at + PART_CHARACTERS <= value.length && parts.length < 8; at += PART_CHARACTERS)
    parts.push([`part ${parts.length}`, value.slice(at, at + PART_CHARACTERS)]);
  return parts.length < 2 ? [] : parts;
}

/** Whatever begins as gzip or zlib does, wherever it stands; base64 of gzip too, as exporters write it. */
function* packedIn(bytes: Buffer): Generator<[string, Buffer]> {
  for (let at = bytes.indexOf(GZIP); at >= 0; at = bytes.indexOf(GZIP, at + 1))
    yield* unpacked(
      'gzip',
      () => gunzipSync(bytes.subarray(at), LENIENT),
      () => inflateRawSync(bytes.subarray(at + 10), LENIENT),
    );
  for (const head of ZLIB) {
    for (let at = bytes.indexOf(head); at >= 0; at = bytes.indexOf(head, at + 1))
      yield* unpacked('zlib', () => inflateSync(bytes.subarray(at), LENIENT));
  }
  for (let at = bytes.indexOf('H4sI'); at >= 0; at = bytes.indexOf('H4sI', at + 1)) {
    const text = /^[A-Za-z0-9+/_-]+/.exec(bytes.subarray(at, at + UNPACKED_BYTES_MAX).toString('latin1'))?.[0] ?? '';
    yield* unpacked('gzip in base64', () => gunzipSync(Buffer.from(text, 'base64'), LENIENT));
  }
  if (bytes.length < 1024 * 1024)
    yield* unpacked('brotli', () => brotliDecompressSync(bytes, { maxOutputLength: UNPACKED_BYTES_MAX }));
}

const GZIP = Buffer.from([0x1f, 0x8b, 0x08]);
const ZLIB = [0x01, 0x5e, 0x9c, 0xda].map((level) => Buffer.from([0x78, level]));
const LENIENT = { maxOutputLength: UNPACKED_BYTES_MAX, finishFlush: 2 };

function* unpacked(what: string, ...ways: (() => Buffer)[]): Generator<[string, Buffer]> {
  for (const way of ways) {
    try {
      const bytes = way();
      if (bytes.length > 0) yield [what, bytes];
      return;
    } catch {
      // It only began like one.
    }
  }
}
