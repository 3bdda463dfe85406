import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { buildPages } from '../support/browser.ts';

const FIRST_PAGE_BYTES_MAX = 200_000;

/** Whoever comes here because something is wrong does not wait: what the first page loads stays small, and inline nothing. */
test('the first page is under 200 KB gzipped, and runs under the strictest policy', async () => {
  const pages = await buildPages();
  try {
    const html = readFileSync(join(pages.folder, 'index.html'), 'utf8');
    const files = [...html.matchAll(/(?:src|href)="\/(assets\/[^"]+)"/g)].map((match) => match[1]!);
    assert.ok(files.length >= 2);
    for (const file of files) assert.match(file, /-[\w-]{8,}\.\w+$/, 'its name carries a digest of its content');
    const sizes = files.map((file) => gzipSync(readFileSync(join(pages.folder, file))).length);
    const whole = gzipSync(html).length + sizes.reduce((sum, size) => sum + size, 0);
    assert.ok(whole < FIRST_PAGE_BYTES_MAX, `${whole} bytes`);
    assert.doesNotMatch(html, /<style|<script(?![^>]*\bsrc=)|\bon\w+="|https?:/);
  } finally {
    pages.remove();
  }
});
