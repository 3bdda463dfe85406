import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { extname, join, relative, sep } from 'node:path';
import { gzipSync } from 'node:zlib';

/** The console's files, read once: a path from the wire is looked up in a table and never touches the disk. */
export interface Pages {
  find(url: string, accept_encoding: string | undefined): Page | undefined;
}

export type Page = { headers: Record<string, string>; body: Buffer };

type Asset = { type: string; body: Buffer; gzip: Buffer | undefined; etag: string; immutable: boolean };

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.json': 'application/json; charset=utf-8',
  '.woff2': 'font/woff2',
  '.png': 'image/png',
  '.webmanifest': 'application/manifest+json',
};

/** `folder` is what `npm run build:console` wrote. Without it the api answers and pages do not. */
export function readPages(folder: string): Pages {
  const assets = new Map<string, Asset>();
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    const type = TYPES[extname(entry.name)];
    if (type !== undefined) assets.set(`/${relative(folder, path).split(sep).join('/')}`, readAsset(path, type));
  }
  return { find: (url, accept_encoding) => findPage(assets, url, accept_encoding) };
}

function readAsset(path: string, type: string): Asset {
  const body = readFileSync(path);
  const gzip = /^(?:text|application|image\/svg)/.test(type) ? gzipSync(body, { level: 9 }) : undefined;
  const etag = `"${createHash('sha256').update(body).digest('base64url').slice(0, 22)}"`;
  // The builder puts a digest of the content into every name below assets/.
  return { type, body, gzip, etag, immutable: path.includes(`${sep}assets${sep}`) };
}

/** A file by its name; any other path without an extension is a page of the console, which routes by itself. */
function findPage(
  assets: ReadonlyMap<string, Asset>,
  url: string,
  accept_encoding: string | undefined,
): Page | undefined {
  const path = url.split(/[?#]/, 1)[0]!;
  const asset = assets.get(path) ?? (extname(path) === '' ? assets.get('/index.html') : undefined);
  if (asset === undefined) return undefined;
  const zipped = asset.gzip !== undefined && /\bgzip\b/.test(accept_encoding ?? '');
  const headers: Record<string, string> = {
    'content-type': asset.type,
    'cache-control': asset.immutable ? 'public, max-age=31536000, immutable' : 'no-cache',
    etag: asset.etag,
    vary: 'accept-encoding',
  };
  if (zipped) headers['content-encoding'] = 'gzip';
  return { headers, body: zipped ? asset.gzip! : asset.body };
}

/** Where the console was not built. */
export const NO_PAGES: Pages = { find: () => undefined };
