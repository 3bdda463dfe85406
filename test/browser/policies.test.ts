import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { Browser, Page } from 'playwright-core';
import { buildPages, complaintsOf, openBrowser, withoutBrowser } from '../support/browser.ts';
import { Codes, readableByAll, signIn, violationsOf } from '../support/console-page.ts';
import { type Operator, openOperator } from '../support/person.ts';
import { openWorld, type World } from '../support/world.ts';

const POLICIES = `
@id("reads-reports")
@reason("Triage may read below reports/.")
@public("Paths below reports/ may be read.")
permit (principal == Agent::"triage", action == Action::"tool.call", resource == Tool::"journal/read_text")
when { context.args.path like "reports/*" };

@id("never-echo-markup")
@reason("No <img src=x onerror=alert(1)> and no script.")
forbid (principal, action == Action::"tool.call", resource == Tool::"journal/echo")
when { context.args.text like "*<*" };
`;
const WRITES = `
@id("writes-ok")
@reason("Triage may append lines that begin with ok.")
@public("Lines may begin with ok.")
permit (principal == Agent::"triage", action == Action::"tool.call", resource == Tool::"journal/append")
when { context.args.line like "ok*" };
`;

const COUNTS_MAX = 20;

/** Policies as a person meets them in the console: read, typed, tried, proposed, taken back, lent for a while. */
describe('policies in a browser', { skip: withoutBrowser, timeout: 180_000 }, () => {
  let world: World;
  let ada: Operator;
  let codes: Codes;
  let pages: Awaited<ReturnType<typeof buildPages>>;
  let browser: Browser;
  let page: Page;
  let complaints: string[];

  before(async () => {
    pages = await buildPages();
    world = await openWorld({ pages_folder: pages.folder, policies: POLICIES, policy: 'source: console' });
    ada = await openOperator(world);
    codes = new Codes(ada);
    // So that the gateway has met the server, and knows what its tools take.
    await world.call(world.triage, 'read_text', { path: 'reports/today' });
    await world.call(world.triage, 'read_text', { path: 'secret/keys' });
    browser = await openBrowser();
    const context = await browser.newContext({ viewport: { width: 1280, height: 800 } });
    page = await context.newPage();
    page.setDefaultTimeout(10_000);
    complaints = complaintsOf(page);
    await signIn(page, `${world.running.console_url}/policies`, ada);
  });
  after(async () => {
    await browser?.close();
    await world?.stop();
    pages?.remove();
  });

  const editor = () => page.getByRole('textbox', { name: /as text$/ });
  const dialog = () => page.getByRole('dialog');

  test('tells what is in force in a sentence, and each policy as it is written', async () => {
    await page.getByRole('heading', { name: /1 policy permits, 1 forbids/ }).waitFor();
    await page.keyboard.press('j');
    const pane = page.getByRole('complementary', { name: 'reads-reports' });
    await pane.getByText('"reports/*"').waitFor();
    await page.keyboard.press('Escape');
    await pane.waitFor({ state: 'detached' });
    await page.keyboard.press('/');
    await page.keyboard.type('forbid');
    await page.getByRole('button', { name: /reads-reports/ }).waitFor({ state: 'detached' });
    await page.getByRole('button', { name: /never-echo-markup/ }).waitFor();
  });

  test('shows what an author wrote as text, whatever it is', async () => {
    await page.getByText('<img src=x onerror=alert(1)>').first().waitFor();
    assert.equal(await page.locator('img').count(), 0);
  });

  test('says what is wrong while one types, and goes there by a click', async () => {
    await page.getByRole('navigation', { name: 'Policies' }).getByRole('link', { name: 'Editor' }).click();
    await editor().click();
    await page.keyboard.press('Control+End');
    await page.keyboard.insertText('\npermit (principal, action == Action::"tool.cal", resource);');
    const problem = page.getByRole('list', { name: 'Problems' }).getByText('error').first();
    await problem.waitFor();
    assert.equal(await page.getByRole('button', { name: 'Propose…' }).isDisabled(), true);
    await problem.click();
    await page.keyboard.press('Control+a');
    await page.keyboard.insertText(POLICIES + WRITES);
    await problem.waitFor({ state: 'detached' });
  });

  test('marks in the text what nobody would see, and nothing of it acts', async () => {
    await page.keyboard.press('Control+End');
    await page.keyboard.insertText('// \u202egnp.exe\u200b <img src=x onerror=alert(1)>');
    await editor().getByText('U+202E').waitFor();
    await editor().getByText('U+200B').waitFor();
    assert.equal(await page.locator('img:not(.cm-widgetBuffer)').count(), 0);
    await page.keyboard.press('Control+a');
    await page.keyboard.insertText(POLICIES + WRITES);
  });

  test('completes from what the gateway knows', async () => {
    await page.keyboard.press('Control+End');
    await page.keyboard.type('permit (principal, action, resource == Tool::"journal/re');
    await page.getByRole('option', { name: 'journal/read_text' }).waitFor();
    await page.keyboard.press('Escape');
    await page.keyboard.press('Control+a');
    await page.keyboard.insertText(POLICIES + WRITES);
  });

  test('leaves keys to the text: what is typed is no command of the page', async () => {
    await page.keyboard.press('Control+End');
    await page.keyboard.type('// j k /');
    await editor().getByText('// j k /').waitFor();
    await page.keyboard.press('Control+a');
    await page.keyboard.insertText(POLICIES + WRITES);
  });

  test('decides a request by what is typed, before anybody asks', async () => {
    const bench = page.getByRole('complementary', { name: 'Test bench' });
    await bench.getByLabel('Calls').fill('journal/append');
    await bench.getByLabel('With').fill('{"line": "ok then"}');
    await bench.getByText('permit', { exact: true }).waitFor();
    await bench.getByText('writes-ok', { exact: true }).waitFor();
    await bench.getByLabel('With').fill('{"line": "no"}');
    await bench.getByText('deny', { exact: true }).waitFor();
    await bench.getByText('Changes 1').click();
    await bench.getByText('@id("writes-ok")').waitFor();
    assert.deepEqual(await violationsOf(page, 'the editor'), []);
  });

  test('keeps what is typed through another page', async () => {
    await page.getByRole('link', { name: 'Versions' }).click();
    await page.getByRole('heading', { name: 'Versions' }).waitFor();
    await page.getByRole('link', { name: 'Editor' }).click();
    await editor().getByText('writes-ok').waitFor();
    await page.getByText('1 changed').waitFor();
  });

  test('proposes it with a reason, and puts it in force for somebody who is here', async () => {
    assert.equal(await called('append', { line: 'ok before' }), false);
    await page.getByRole('button', { name: 'Propose…' }).click();
    await dialog().getByLabel('Why').fill('Triage writes too');
    await dialog().getByRole('button', { name: 'Propose', exact: true }).click();
    await page.getByRole('heading', { name: 'Version 2 is proposed' }).waitFor();
    await dialog().getByRole('button', { name: 'Activate…' }).click();
    await codes.show(page, () => page.getByRole('heading', { name: /2 policies permit, 1 forbids/ }).waitFor());
    await page.getByText('Triage writes too').waitFor();
    assert.equal(await called('append', { line: 'ok after' }), true);
  });

  test('goes back to the version before in one step', async () => {
    await page.getByRole('link', { name: 'Versions' }).click();
    await page.getByRole('button', { name: /v2.*in force/ }).click();
    const pane = page.getByRole('complementary', { name: 'Version 2' });
    await pane.getByText('@id("writes-ok")').waitFor();
    await pane.getByRole('button', { name: 'Go back to the one before…' }).click();
    await dialog().getByLabel('Why').fill('Not yet');
    await dialog().getByRole('button', { name: 'Go back', exact: true }).click();
    await codes.show(page, () => page.getByRole('button', { name: /v1.*in force/ }).waitFor());
    assert.equal(await called('append', { line: 'ok again' }), false);
  });

  test('grants for a while what was refused, for this call alone, and ends it', async () => {
    await page.goto(`${world.running.console_url}/live?decision=deny&agent=triage`);
    await page.getByRole('option').filter({ hasText: 'read_text' }).first().click();
    const story = page.getByRole('complementary', { name: 'Why' });
    await story.getByText('reads-reports', { exact: true }).first().waitFor();
    await story.getByText('does not hold').waitFor();
    await story.getByText('"secret/keys"').first().waitFor();
    await story.getByRole('button', { name: 'Grant for 1 h…' }).click();
    await dialog().getByLabel('Why').fill('The old keys, once');
    await dialog().getByRole('button', { name: 'Grant for 1h' }).click();
    await codes.show(page, () => dialog().waitFor({ state: 'detached' }));
    assert.equal(await called('read_text', { path: 'secret/keys' }), true);
    assert.equal(await called('read_text', { path: 'secret/others' }), false);
    await page.goto(`${world.running.console_url}/policies/grants`);
    await page.getByText('The old keys, once').waitFor();
    await page.getByText('60 min left').or(page.getByText('59 min left')).waitFor();
    await page.getByRole('button', { name: 'End…' }).click();
    await dialog().getByLabel('Why').fill('Done');
    await dialog().getByRole('button', { name: 'End it now' }).click();
    await page.getByText('Nothing stands open').waitFor();
    assert.equal(await called('read_text', { path: 'secret/keys' }), false);
  });

  test('runs a set beside what decides, and tells what it would have decided', async () => {
    await page.goto(`${world.running.console_url}/policies/simulate`);
    const second = page.getByRole('option', { name: /^v2/ });
    await page.getByLabel('Which set').selectOption((await second.getAttribute('value')) ?? '');
    await page.getByRole('button', { name: 'run it beside what decides…' }).click();
    await dialog().getByLabel('Why').fill('Before triage writes');
    await dialog().getByRole('button', { name: 'Run it beside' }).click();
    await page.getByText('running', { exact: true }).waitFor();
    assert.equal(await called('append', { line: 'ok beside' }), false);
    // The receipt may follow the answer by a moment.
    const told = page.getByText('It would have decided 1 of 1 exchange otherwise.');
    for (let tries = 0; tries < COUNTS_MAX && !(await told.isVisible()); tries += 1) {
      await page.getByRole('button', { name: 'Count again' }).click();
      await page.waitForLoadState('networkidle');
    }
    await told.waitFor();
    await page.getByText('Would be permitted (1)').waitFor();
    assert.deepEqual(await violationsOf(page, 'what runs beside'), []);
    await page.getByRole('link', { name: 'In force' }).click();
    await page.getByText('is asked of every request and enforced').waitFor();
  });

  test('can be read by everyone', async () => {
    await readableByAll(page, world.running.console_url, [
      '/policies?policy=reads-reports',
      '/policies/editor',
      '/policies/suggestions?agent=triage&job=support',
      '/policies/versions',
      '/policies/grants?ended=yes',
    ]);
  });

  test('without a complaint of the browser', () => {
    assert.deepEqual(
      complaints.filter((line) => !/status of 401|status of 403/.test(line)),
      [],
    );
  });

  async function called(tool: string, args: object): Promise<boolean> {
    const { body } = await world.call(world.triage, tool, args);
    return body.error === undefined && body.result?.isError !== true;
  }
});
