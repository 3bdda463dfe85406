import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { Browser, Page } from 'playwright-core';
import type { AgentClient } from '../support/agent-client.ts';
import { buildPages, complaintsOf, openBrowser, withoutBrowser } from '../support/browser.ts';
import { Delegate } from '../support/delegations.ts';
import { type Operator, openOperator } from '../support/person.ts';
import { totp } from '../support/totp.ts';
import { openWorld, type World } from '../support/world.ts';

/** Runs with their chains, another key for an agent, and what can be stopped. */
describe('identities in the console', { skip: withoutBrowser, timeout: 120_000 }, () => {
  let world: World;
  let ada: Operator;
  let helper: AgentClient;
  let acting: AgentClient;
  let pages: { folder: string; remove: () => void };
  let browser: Browser;
  let page: Page;
  let complaints: string[];

  before(async () => {
    pages = await buildPages();
    world = await openWorld({ pages_folder: pages.folder });
    ada = await openOperator(world);
    helper = await world.register('helper');
    const lent = await new Delegate(world.triage).lend('helper', { actions: ['tool.call'] });
    const redeemed = await new Delegate(helper).redeem(lent.token ?? '');
    acting = new Delegate(helper).acting(redeemed.token ?? assert.fail(lent.said + redeemed.said));
    browser = await openBrowser();
    page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
    page.setDefaultTimeout(10_000);
    complaints = complaintsOf(page);
    await page.goto(`${world.running.console_url}/identities`);
    await page.getByLabel('Name').fill(ada.name);
    await page.getByLabel('Password').fill(ada.password);
    await page.getByRole('button', { name: 'Sign in', exact: true }).click();
    await page.getByRole('heading', { name: 'Agents' }).waitFor();
  });
  after(async () => {
    await browser?.close();
    await world?.stop();
    pages?.remove();
  });

  const runId = () => String(acting.claims['run']);

  test('runs are found from the palette, and filtered in the address', async () => {
    await page.keyboard.press('Control+k');
    await page.getByRole('combobox').fill('identities runs');
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'Runs' }).waitFor();
    await page.keyboard.press('/');
    await page.keyboard.type('helper nobody');
    await page.getByText('No such run').waitFor();
    await page.getByLabel('Filter runs').fill('helper');
    await page.waitForURL(/q=helper/);
    await page.getByLabel('Filter runs').press('Escape');
    const rows = await page
      .getByRole('region', { name: 'Runs' })
      .getByRole('button', { name: 'helper' })
      .allTextContents();
    assert.equal(rows.length, 2);
    assert.ok(
      rows.some((row) => row.includes('triage → helper')),
      'the one by way of triage',
    );
  });

  test('a run tells its chain, hop by hop, and is ended with all that stands on it', async () => {
    await page.goto(`${world.running.console_url}/runs?run=${runId()}`);
    const pane = page.getByRole('complementary', { name: runId() });
    const hops = pane.getByRole('listitem');
    await hops.nth(1).getByText('may do tool.call').waitFor();
    assert.match((await hops.nth(0).textContent()) ?? '', /^triage$/);
    assert.match((await hops.nth(1).textContent()) ?? '', /helper/);
    await pane.getByRole('button', { name: 'End…' }).click();
    await page.getByText(`sallyport run end ${runId()}`).waitFor();
    await page.getByRole('button', { name: 'End the run' }).click();
    await pane.getByText('ended', { exact: true }).waitFor();
    const refused = await world.call(acting, 'append', { line: 'ok' });
    assert.match(refused.text, /run_ended|The run has ended/);
  });

  test('j and k go through the list, and escape closes what is open', async () => {
    await page.goto(`${world.running.console_url}/runs?open=no`);
    await page
      .getByRole('button', { name: /helper/ })
      .first()
      .waitFor();
    await page.keyboard.press('j');
    await page.getByRole('complementary').waitFor();
    const first = new URL(page.url()).searchParams.get('run');
    await page.keyboard.press('j');
    await page.waitForFunction(`!location.search.includes(${JSON.stringify(first)})`);
    await page.keyboard.press('Escape');
    await page.getByRole('complementary').waitFor({ state: 'detached' });
  });

  test('a private key is refused before it leaves the page', async () => {
    await page.goto(`${world.running.console_url}/agents?agent=triage`);
    await page.getByRole('button', { name: 'Rotate key…' }).click();
    await page.getByLabel('Its new public key').fill('{"kty":"EC","crv":"P-256","x":"a","y":"b","d":"c"}');
    await page.getByText('That is not a public key as JSON.').waitFor();
    assert.ok(await page.getByRole('button', { name: 'Rotate the key' }).isDisabled());
  });

  test('a key is rotated, with presence; the old one is worth nothing, the new one is shown once', async () => {
    assert.equal((await world.call(world.triage, 'append', { line: 'ok before' })).status, 200);
    await page.getByLabel('Its new public key').fill('');
    await page.getByRole('button', { name: 'Rotate the key' }).click();
    await page.getByLabel('Code', { exact: true }).fill(totp(ada.authenticator, Date.now()));
    await page.getByLabel('Code', { exact: true }).press('Enter');
    await page.getByRole('heading', { name: 'triage has another key' }).waitFor();
    const shown = (await page.locator('pre').textContent()) ?? '';
    assert.match(shown, /"d"/);
    await page.getByRole('button', { name: 'I have kept it' }).click();
    assert.ok(!(await page.content()).includes(JSON.parse(shown).d));
    assert.equal((await world.call(world.triage, 'append', { line: 'ok after' })).status, 401);
  });

  test('one tool is stopped from the bar, and the server’s others go on', async () => {
    await page.getByRole('button', { name: 'Stop…' }).first().click();
    const dialog = page.getByRole('dialog', { name: 'Stop' });
    const kinds = await dialog.getByLabel('What').getByRole('option').allTextContents();
    assert.equal(kinds.length, 9);
    await dialog.getByLabel('What').selectOption('tool');
    await dialog.getByRole('combobox', { name: 'Which' }).selectOption('journal/append');
    await dialog.getByText('Nobody calls journal/append any more').waitFor();
    await dialog.getByLabel('Why').fill('It appends too much');
    await dialog.getByRole('button', { name: 'Stop journal/append' }).click();
    await dialog.waitFor({ state: 'detached' });
    const other = await world.register('other');
    assert.match((await world.call(other, 'append', { line: 'ok' })).text, /stopped|not_found|not permitted/i);
    const { kind, ...listed } = await world.local.call('stops.list', {});
    assert.ok(kind === 'ok' && JSON.stringify(listed).includes('journal/append'));
  });

  test('without a complaint of the browser', () => {
    assert.deepEqual(
      complaints.filter((line) => !/401|403/.test(line)),
      [],
    );
  });
});
