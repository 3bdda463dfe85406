import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { Browser, Page } from 'playwright-core';
import { buildPages, complaintsOf, openBrowser, withoutBrowser } from '../support/browser.ts';
import { startEcho } from '../support/echo-server.ts';
import { type Operator, openOperator } from '../support/person.ts';
import { totp } from '../support/totp.ts';
import { openWorld, type World } from '../support/world.ts';

const SECRET = 'a-secret-that-is-never-shown-again';
const POLICY = `
@id("all")
@reason("This test is about what is shown to servers.")
permit (principal, action == Action::"tool.call", resource);
`;

describe('the vault in the console', { skip: withoutBrowser, timeout: 120_000 }, () => {
  let world: World;
  let echo: Awaited<ReturnType<typeof startEcho>>;
  let pages: { folder: string; remove: () => void };
  let ada: Operator;
  let browser: Browser;
  let page: Page;
  let complaints: string[];

  before(async () => {
    pages = await buildPages();
    echo = await startEcho();
    const upstreams = `  shown: { url: "${echo.url}", credential: { vault: shown } }\n`;
    world = await openWorld({ pages_folder: pages.folder, upstreams, policies: POLICY });
    ada = await openOperator(world);
    browser = await openBrowser();
    page = await browser.newPage();
    page.setDefaultTimeout(15_000);
    complaints = complaintsOf(page);
  });

  after(async () => {
    await browser?.close();
    await world?.stop();
    await echo?.close();
    pages?.remove();
  });

  test('a person sets an entry, with presence, and an agent’s call is served', async () => {
    await page.goto(`${world.running.console_url}/vault`);
    await page.getByLabel('Name').fill(ada.name);
    await page.getByLabel('Password').fill(ada.password);
    await page.getByRole('button', { name: 'Sign in', exact: true }).click();
    await page.getByText('The vault is empty').waitFor();
    await page.getByRole('button', { name: 'Set an entry' }).click();
    await page.getByLabel('Name').fill('shown');
    await page.getByLabel('Secret').fill(SECRET);
    await page.getByLabel('Agents').fill('triage');
    await page.getByLabel('Hosts').fill(echo.host);
    await page.getByRole('button', { name: 'Set', exact: true }).click();
    await page.getByLabel('Code', { exact: true }).fill(totp(ada.authenticator, Date.now()));
    await page.getByLabel('Code', { exact: true }).press('Enter');
    await page.getByRole('listitem').filter({ hasText: 'shown' }).filter({ hasText: 'agents triage' }).waitFor();
    assert.match((await world.call(world.triage, 'echo', {}, { server: 'shown' })).text, /you sent something/);
    assert.equal(echo.seen.at(-1)?.authorization, `Bearer ${SECRET}`);
  });

  test('it is rotated and removed, and the secret stands nowhere on the page', async () => {
    await page.getByRole('button', { name: 'Rotate…' }).click();
    await page.getByLabel('New secret').fill(`${SECRET}-rotated`);
    await page.getByRole('button', { name: 'Rotate', exact: true }).click();
    await page.getByText('version 2').waitFor();
    assert.ok(!(await page.content()).includes(SECRET));
    await world.call(world.triage, 'echo', {}, { server: 'shown' });
    assert.equal(echo.seen.at(-1)?.authorization, `Bearer ${SECRET}-rotated`);
    await page.getByRole('button', { name: 'Remove…' }).click();
    await page.getByRole('button', { name: 'Remove shown' }).click();
    await page.getByText('The vault is empty').waitFor();
    assert.match((await world.call(world.triage, 'echo', {}, { server: 'shown' })).text, /upstream_credential_missing/);
    assert.deepEqual(
      complaints.filter((line) => !/401|403/.test(line)),
      [],
    );
  });
});
