import assert from 'node:assert/strict';
import { gzipSync } from 'node:zlib';
import type { Page } from 'playwright-core';
import { openBrowser } from '../support/browser.ts';
import type { Sweep } from './sweep.ts';

const PAGES = ['/live', '/agents', '/vault', '/people', '/status'];

/** A person looks at every page of the console; then what the browser keeps is searched, but for the session's cookie. */
export async function visitConsole(sweep: Sweep): Promise<void> {
  const browser = await openBrowser();
  try {
    const context = await browser.newContext();
    const at = sweep.cookie.indexOf('=');
    const name = sweep.cookie.slice(0, at);
    await context.addCookies([{ name, value: sweep.cookie.slice(at + 1), url: sweep.console_url }]);
    const page = await context.newPage();
    for (const path of PAGES) {
      await page.goto(`${sweep.console_url}${path}`);
      await page.getByRole('navigation').first().waitFor();
      await page.waitForTimeout(300);
    }
    const own = (cookies: { name: string }[]) => cookies.filter((cookie) => cookie.name !== name);
    const kept = async () => JSON.stringify([await page.evaluate(KEPT), own(await context.cookies())]);
    const before = await kept();
    const shown = await page.content();
    for (const [where, value] of Object.entries(plantings(sweep.planted.value))) {
      await plant(page, where, value);
      const after = await kept();
      assert.notEqual(after, before, `${where} is read`);
      sweep.look(`the browser: ${where}`, before, after);
    }
    sweep.look('the browser: the page', shown, `${shown}${sweep.planted.value}`);
  } finally {
    await browser.close();
  }
}

/** Another form in each. */
function plantings(value: string): Record<string, string> {
  return {
    localStorage: value,
    sessionStorage: Buffer.from(`a${value}`).toString('base64'),
    indexedDB: Buffer.from(value).toString('hex'),
    caches: gzipSync(value).toString('base64'),
    'cookies of its own': `${value.slice(0, 22)}/${value.slice(22)}`,
  };
}

function plant(page: Page, where: string, value: string): Promise<unknown> {
  return page.evaluate(`(${PLANT})(${JSON.stringify(where)}, ${JSON.stringify(value)})`);
}

/** These run in the page, whose types this project's tests do not have. */
const PLANT = `async (place, text) => {
  localStorage.clear();
  sessionStorage.clear();
  if (place === 'localStorage') localStorage.setItem('planted', text);
  else if (place === 'sessionStorage') sessionStorage.setItem('planted', text);
  else if (place === 'caches') await (await caches.open('planted')).put('/planted', new Response(text));
  else if (place === 'indexedDB') {
    await new Promise((resolve, reject) => {
      const opening = indexedDB.open('planted', 1);
      opening.onupgradeneeded = () => opening.result.createObjectStore('values');
      opening.onerror = () => reject(opening.error);
      opening.onsuccess = () => {
        const change = opening.result.transaction('values', 'readwrite');
        change.objectStore('values').put(text, 'planted');
        change.oncomplete = () => { opening.result.close(); resolve(); };
      };
    });
  } else document.cookie = 'planted=' + text + '; path=/';
}`;

const KEPT = `(async () => {
  const databases = [];
  for (const { name } of await indexedDB.databases()) {
    databases.push(await new Promise((resolve, reject) => {
      const opening = indexedDB.open(name);
      opening.onerror = () => reject(opening.error);
      opening.onsuccess = async () => {
        const rows = [];
        for (const store of opening.result.objectStoreNames) {
          const all = opening.result.transaction(store).objectStore(store).getAll();
          rows.push(await new Promise((read) => { all.onsuccess = () => read(all.result); }));
        }
        opening.result.close();
        resolve([name, rows]);
      };
    }));
  }
  const cached = [];
  for (const name of await caches.keys()) {
    const cache = await caches.open(name);
    for (const request of await cache.keys()) cached.push(request.url, await (await cache.match(request)).text());
  }
  return { local: { ...localStorage }, session: { ...sessionStorage }, databases, cached };
})()`;
