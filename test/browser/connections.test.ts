import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { AxeBuilder } from '@axe-core/playwright';
import type { Browser, Page } from 'playwright-core';
import { buildPages, complaintsOf, openBrowser, withoutBrowser } from '../support/browser.ts';
import { type Operator, openOperator } from '../support/person.ts';
import { SignedInServer } from '../support/signed-in-server.ts';
import { openWorld, type World } from '../support/world.ts';

/** A person connects a server: from the console to a real authorization server and back, in one browser. */
describe('connecting a server, in a browser', { skip: withoutBrowser, timeout: 120_000 }, () => {
  let notes: SignedInServer;
  let world: World;
  let ada: Operator;
  let pages: { folder: string; remove: () => void };
  let browser: Browser;
  let page: Page;
  let complaints: string[];

  before(async () => {
    pages = await buildPages();
    notes = await new SignedInServer().start();
    world = await openWorld({
      pages_folder: pages.folder,
      upstreams: `  notes: { url: "${notes.url}", credential: { connect: {} } }\n`,
    });
    ada = await openOperator(world);
    browser = await openBrowser();
    const context = await browser.newContext({ viewport: { width: 1280, height: 800 } });
    page = await context.newPage();
    page.setDefaultTimeout(10_000);
    complaints = complaintsOf(page);
  });
  after(async () => {
    await browser?.close();
    await world?.stop();
    notes?.close();
    pages?.remove();
  });

  const yours = () => page.getByRole('region', { name: 'Yours' });

  test('goes there, comes back, and says so', async () => {
    await page.goto(`${world.running.console_url}/connections`);
    await page.getByLabel('Name').fill(ada.name);
    await page.getByLabel('Password').fill(ada.password);
    await page.getByRole('button', { name: 'Sign in', exact: true }).click();
    await yours().getByText('not connected').waitFor();
    const { violations } = await new AxeBuilder({ page }).analyze();
    assert.deepEqual(
      violations.map(({ id, nodes }) => [id, nodes.map(({ html }) => html)]),
      [],
    );
    await yours().getByRole('button', { name: 'Connect', exact: true }).click();
    await yours().getByText('connected', { exact: true }).waitFor();
    assert.equal(new URL(page.url()).pathname, '/connections');
    await yours().getByText(notes.issuer).waitFor();
    await yours().getByText('sallyport connect notes').waitFor();
  });

  test('what came back is not in the history, and counts once', async () => {
    assert.ok(!page.url().includes('code='));
    complaints.length = 0;
    await page.goto(`${world.running.console_url}/connected?state=${'A'.repeat(43)}&code=x`);
    await page.getByText('That did not work').waitFor();
    assert.equal(new URL(page.url()).search, '');
    await page.getByRole('button', { name: 'Begin again' }).click();
    await yours().getByText('connected', { exact: true }).waitFor();
  });

  test('ends it', async () => {
    await yours().getByRole('button', { name: 'End' }).click();
    await yours().getByText('not connected').waitFor();
    // The refused answer above is told to the console by the browser itself.
    assert.deepEqual(
      complaints.filter((text) => !/status of 400/.test(text)),
      [],
    );
  });
});
